#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/rpc/remote_blob_internal.h"
#include "common/rpc/status_conversion.h"

namespace graft::rpc {

RemoteBlobStore::Reader::Reader(Connection* connection, const digest::BlobDigest& digest,
                                uint64_t offset)
    : connection_(connection), digest_(digest), offset_(offset) {
  if (offset == 0) hasher_.emplace();
}

RemoteBlobStore::Reader::~Reader() {
  if (stream_ == nullptr) return;
  context_->TryCancel();
  stream_->Finish();
}

absl::Status RemoteBlobStore::Reader::Open() {
  RETURN_IF_ERROR(blob::CheckReadOffset(digest_, offset_));
  return NextChunk();
}

absl::StatusOr<size_t> RemoteBlobStore::Reader::Read(std::span<char> buffer) {
  if (chunk_position_ == chunk_.size() && !at_end_) RETURN_IF_ERROR(NextChunk());
  const size_t count = std::min(buffer.size(), chunk_.size() - chunk_position_);
  std::memcpy(buffer.data(), chunk_.data() + chunk_position_, count);
  chunk_position_ += count;
  return count;
}

absl::Status RemoteBlobStore::Reader::NextChunk() {
  chunk_.clear();
  chunk_position_ = 0;
  // Attempts count from the last chunk that came.
  RETURN_IF_ERROR(Retry(connection_->options.retry, connection_->options.sleeper,
                        [this] { return ReceiveChunk(); }));
  if (chunk_.empty()) {
    at_end_ = true;
    return Verify();
  }
  if (chunk_.size() > digest_.size_bytes() - offset_) {
    return absl::DataLossError(
        absl::StrCat("blob ", digest_.ToString(), ": the store sent more than its size"));
  }
  offset_ += chunk_.size();
  if (hasher_.has_value()) hasher_->Update(chunk_);
  return absl::OkStatus();
}

absl::Status RemoteBlobStore::Reader::ReceiveChunk() {
  if (stream_ == nullptr) {
    v1::ReadBlobRequest request;
    request.set_digest(digest_.ToString());
    request.set_offset(static_cast<int64_t>(offset_));
    context_ = std::make_unique<grpc::ClientContext>();
    stream_ = connection_->stub->ReadBlob(context_.get(), request);
  }
  v1::ReadBlobResponse response;
  while (stream_->Read(&response)) {
    if (response.data().empty()) continue;
    chunk_ = std::move(*response.mutable_data());
    return absl::OkStatus();
  }
  const absl::Status status = FromGrpc(stream_->Finish());
  stream_ = nullptr;
  return status;
}

absl::Status RemoteBlobStore::Reader::Verify() {
  if (offset_ != digest_.size_bytes()) {
    return absl::DataLossError(
        absl::StrCat("blob ", digest_.ToString(), ": the store sent only ", offset_, " bytes"));
  }
  if (hasher_.has_value() && hasher_->Finish() != digest_.sha256()) {
    return absl::DataLossError(
        absl::StrCat("blob ", digest_.ToString(), ": the bytes received do not match the digest"));
  }
  return absl::OkStatus();
}

}  // namespace graft::rpc
