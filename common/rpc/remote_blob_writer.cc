#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/rpc/remote_blob_internal.h"
#include "common/rpc/status_conversion.h"

namespace graft::rpc {
namespace {

constexpr size_t kChunkBytes = 1 << 20;
// Bytes written ahead of the store's answers, and kept to be written again.
constexpr uint64_t kWindowBytes = 8 << 20;

}  // namespace

RemoteBlobStore::Writer::Writer(Connection* connection, const blob::WriteOptions& options)
    : connection_(connection), options_(options) {}

RemoteBlobStore::Writer::~Writer() {
  if (stream_ == nullptr) return;
  const bool keep = !options_.upload_id.empty() && !failed_;
  Queue();
  if (keep && PumpOnce(Goal::kRelease).ok()) {
    stream_->WritesDone();
    v1::WriteBlobResponse response;
    while (stream_->Read(&response)) {
    }
  } else {
    context_->TryCancel();
  }
  if (stream_ != nullptr) stream_->Finish();
}

absl::Status RemoteBlobStore::Writer::Open() {
  RETURN_IF_ERROR(Retry(connection_->options.retry, connection_->options.sleeper,
                        [this] { return Connect(); }));
  size_ = stored_.has_value() ? 0 : arrived_;
  queued_ = size_;
  if (size_ == 0) hasher_.emplace();
  return absl::OkStatus();
}

absl::Status RemoteBlobStore::Writer::Append(std::string_view bytes) {
  const absl::Status within = blob::CheckWriteSize(options_, size_ + bytes.size());
  if (!within.ok()) {
    // The store must hear of it too, so that the upload cannot be resumed.
    Queue();
    window_.push_back({queued_, std::string(bytes.substr(0, kChunkBytes))});
    if (!stored_.has_value()) Pump(Goal::kRelease).IgnoreError();
    return Fail(within);
  }
  if (hasher_.has_value()) hasher_->Update(bytes);
  size_ += bytes.size();
  if (stored_.has_value()) return absl::OkStatus();
  while (!bytes.empty()) {
    const size_t count = std::min(bytes.size(), kChunkBytes - buffer_.size());
    buffer_.append(bytes.substr(0, count));
    bytes.remove_prefix(count);
    if (buffer_.size() < kChunkBytes) continue;
    Queue();
    RETURN_IF_ERROR(Fail(Pump(Goal::kSend)));
  }
  return absl::OkStatus();
}

absl::StatusOr<digest::BlobDigest> RemoteBlobStore::Writer::Commit() {
  if (!stored_.has_value()) {
    Queue();
    RETURN_IF_ERROR(Fail(Pump(Goal::kCommit)));
  }
  return CommitStored();
}

absl::StatusOr<digest::BlobDigest> RemoteBlobStore::Writer::CommitStored() {
  if (hasher_.has_value()) {
    ASSIGN_OR_RETURN(const digest::BlobDigest written,
                     digest::BlobDigest::Create(hasher_->Finish(), size_));
    RETURN_IF_ERROR(Fail(blob::CheckWrittenDigest(options_, written)));
    if (written != *stored_) {
      return Fail(absl::DataLossError(absl::StrCat("the store received ", stored_->ToString(),
                                                   " where ", written.ToString(), " was sent")));
    }
  }
  return *stored_;
}

absl::Status RemoteBlobStore::Writer::Fail(absl::Status status) {
  if (!status.ok()) failed_ = true;
  return status;
}

void RemoteBlobStore::Writer::Queue() {
  if (buffer_.empty()) return;
  const uint64_t offset = queued_;
  queued_ += buffer_.size();
  window_.push_back({offset, std::move(buffer_)});
  buffer_.clear();
}

void RemoteBlobStore::Writer::TrimWindow() {
  // Without an upload id a new call begins at 0, so that all is kept or nothing is of use.
  const bool keep_all = options_.upload_id.empty() && size_ <= kWindowBytes;
  while (!keep_all && !window_.empty() && window_.front().end() <= arrived_) window_.pop_front();
}

absl::Status RemoteBlobStore::Writer::Connect() {
  context_ = std::make_unique<grpc::ClientContext>();
  stream_ = connection_->stub->WriteBlob(context_.get());
  v1::WriteBlobRequest request;
  if (options_.expected.has_value()) request.set_digest(options_.expected->ToString());
  request.set_upload_id(options_.upload_id);
  RETURN_IF_ERROR(WriteMessage(request));
  RETURN_IF_ERROR(ReadAnswer());
  sent_ = arrived_;
  return absl::OkStatus();
}

absl::Status RemoteBlobStore::Writer::Pump(Goal goal) {
  Backoff backoff(connection_->options.retry, JitterRng());
  int attempts = 0;
  uint64_t progress = arrived_;
  absl::Status status = PumpOnce(goal);
  while (!status.ok()) {
    if (arrived_ > progress) {
      progress = arrived_;
      attempts = 0;
      backoff.Reset();
    }
    RETURN_IF_ERROR(Reconnect(status, &backoff, &attempts));
    status = PumpOnce(goal);
  }
  return absl::OkStatus();
}

absl::Status RemoteBlobStore::Writer::Reconnect(const absl::Status& status, Backoff* backoff,
                                                int* attempts) {
  const int max_attempts = connection_->options.retry.max_attempts;
  absl::Status latest = status;
  while (true) {
    // The store may not have noticed yet that the last call, which holds the upload, is gone.
    const bool held = *attempts > 0 && absl::IsAborted(latest);
    if (!IsRetryable(latest) && !held) return latest;
    ++*attempts;
    if (max_attempts > 0 && *attempts >= max_attempts) return latest;
    if (!connection_->options.sleeper->Sleep(backoff->Next())) return latest;
    latest = Connect();
    if (latest.ok()) break;
  }
  const uint64_t kept_from = window_.empty() ? queued_ : window_.front().offset;
  if (!stored_.has_value() && (arrived_ < kept_from || arrived_ > queued_)) {
    return absl::UnavailableError(absl::StrCat("the store has ", arrived_,
                                               " bytes of the interrupted upload, of which those "
                                               "before ",
                                               kept_from, " are no longer here; send it again"));
  }
  return absl::OkStatus();
}

absl::Status RemoteBlobStore::Writer::PumpOnce(Goal goal) {
  if (stored_.has_value()) return absl::OkStatus();
  if (stream_ == nullptr) return absl::UnavailableError("the call has ended");
  for (const Chunk& chunk : window_) {
    if (chunk.end() <= sent_) continue;
    v1::WriteBlobRequest request;
    request.set_offset(static_cast<int64_t>(sent_));
    request.set_data(chunk.data.substr(sent_ - chunk.offset));
    RETURN_IF_ERROR(WriteMessage(request));
    sent_ = chunk.end();
  }
  const uint64_t ahead = goal == Goal::kSend ? kWindowBytes : 0;
  while (sent_ - arrived_ > ahead) RETURN_IF_ERROR(ReadAnswer());
  TrimWindow();
  if (goal != Goal::kCommit) return absl::OkStatus();
  v1::WriteBlobRequest request;
  request.set_finish_write(true);
  RETURN_IF_ERROR(WriteMessage(request));
  while (!stored_.has_value()) RETURN_IF_ERROR(ReadAnswer());
  return absl::OkStatus();
}

absl::Status RemoteBlobStore::Writer::WriteMessage(const v1::WriteBlobRequest& request) {
  return stream_->Write(request) ? absl::OkStatus() : EndedCall();
}

absl::Status RemoteBlobStore::Writer::ReadAnswer() {
  v1::WriteBlobResponse response;
  if (!stream_->Read(&response)) return EndedCall();
  arrived_ = static_cast<uint64_t>(response.committed_size());
  if (!response.digest().empty()) {
    ASSIGN_OR_RETURN(stored_, digest::BlobDigest::Parse(response.digest()));
  }
  return absl::OkStatus();
}

absl::Status RemoteBlobStore::Writer::EndedCall() {
  // A call that broke while writing may still have answers; its status comes after them.
  v1::WriteBlobResponse response;
  while (stream_->Read(&response)) {
  }
  const absl::Status status = FromGrpc(stream_->Finish());
  stream_ = nullptr;
  if (!status.ok()) return status;
  return absl::InternalError("the store ended the upload before it was complete");
}

}  // namespace graft::rpc
