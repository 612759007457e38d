#include "services/weight_store/blob_streams.h"

#include <algorithm>
#include <span>
#include <string>

#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/rpc/status_conversion.h"

namespace graft::weight_store {

ReadBlobStream::ReadBlobStream(blob::BlobStore* store, IoExecutor* executor,
                               const v1::ReadBlobRequest& request)
    : store_(store), executor_(executor) {
  // The request lives as long as the call.
  executor_->Run([this, &request] {
    const absl::Status opened = Open(request);
    if (opened.ok()) {
      SendNext();
    } else {
      Finish(rpc::ToGrpc(opened));
    }
  });
}

absl::Status ReadBlobStream::Open(const v1::ReadBlobRequest& request) {
  const absl::StatusOr<digest::BlobDigest> digest = digest::BlobDigest::Parse(request.digest());
  if (!digest.ok()) {
    return base::InvalidFieldError("digest", base::ToStd(digest.status().message()));
  }
  if (request.offset() < 0) return base::InvalidFieldError("offset", "must not be negative");
  const uint64_t offset = static_cast<uint64_t>(request.offset());
  ASSIGN_OR_RETURN(reader_, store_->OpenReader(*digest, offset));
  left_ = digest->size_bytes() - offset;
  return absl::OkStatus();
}

void ReadBlobStream::SendNext() {
  std::string& data = *chunk_.mutable_data();
  // At the end one byte of room, for the reader to say that it is the end.
  data.resize(std::clamp<uint64_t>(left_, 1, kMaxChunkBytes));
  const absl::StatusOr<size_t> count = reader_->Read(std::span<char>(data));
  if (!count.ok() || *count == 0) {
    reader_ = nullptr;
    Finish(rpc::ToGrpc(count.status()));
    return;
  }
  data.resize(*count);
  left_ -= std::min<uint64_t>(left_, *count);
  StartWrite(&chunk_);
}

void ReadBlobStream::OnWriteDone(bool ok) {
  if (ok) {
    executor_->Run([this] { SendNext(); });
  } else {
    Finish(grpc::Status::CANCELLED);
  }
}

WriteBlobStream::WriteBlobStream(Uploads* uploads, IoExecutor* executor)
    : uploads_(uploads), executor_(executor) {
  StartRead(&message_);
}

void WriteBlobStream::OnReadDone(bool ok) {
  executor_->Run([this, ok] {
    if (!ok) return End(absl::OkStatus());
    const absl::Status handled = Handle();
    if (handled.ok()) {
      Answer();
    } else {
      End(handled);
    }
  });
}

absl::Status WriteBlobStream::Handle() {
  if (upload_ == nullptr) {
    ASSIGN_OR_RETURN(upload_, uploads_->Open(message_.digest(), message_.upload_id()));
    if (upload_->stored().has_value()) return absl::OkStatus();
  }
  if (!message_.data().empty()) {
    RETURN_IF_ERROR(upload_->Append(message_.offset(), message_.data()));
  }
  return message_.finish_write() ? upload_->Commit() : absl::OkStatus();
}

void WriteBlobStream::Answer() {
  answer_.set_committed_size(static_cast<int64_t>(upload_->committed_size()));
  if (upload_->stored().has_value()) {
    answer_.set_digest(upload_->stored()->ToString());
    StartWriteAndFinish(&answer_, grpc::WriteOptions(), grpc::Status::OK);
  } else {
    StartWrite(&answer_);
  }
}

void WriteBlobStream::OnWriteDone(bool ok) {
  if (ok) {
    StartRead(&message_);
  } else {
    executor_->Run([this] { End(absl::CancelledError("the client is gone")); });
  }
}

void WriteBlobStream::End(const absl::Status& status) {
  upload_ = nullptr;
  Finish(rpc::ToGrpc(status));
}

}  // namespace graft::weight_store
