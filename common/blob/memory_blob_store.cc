#include "common/blob/memory_blob_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace graft::blob {
namespace {

class Reader final : public BlobReader {
 public:
  Reader(std::shared_ptr<const std::string> bytes, size_t offset)
      : bytes_(std::move(bytes)), offset_(offset) {}

  absl::StatusOr<size_t> Read(std::span<char> buffer) override {
    const size_t count = bytes_->copy(buffer.data(), buffer.size(), offset_);
    offset_ += count;
    return count;
  }

 private:
  const std::shared_ptr<const std::string> bytes_;
  size_t offset_;
};

}  // namespace

class MemoryBlobStore::Writer final : public BlobWriter {
 public:
  Writer(MemoryBlobStore* store, const WriteOptions& options, std::string bytes)
      : store_(store), options_(options), bytes_(std::move(bytes)) {}

  ~Writer() override { store_->CloseUpload(options_.upload_id, std::move(bytes_), resumable_); }

  absl::Status Append(std::string_view bytes) override {
    const absl::Status status = CheckWriteSize(options_, bytes_.size() + bytes.size());
    if (!status.ok()) {
      resumable_ = false;
      return status;
    }
    bytes_.append(bytes);
    return absl::OkStatus();
  }

  absl::StatusOr<digest::BlobDigest> Commit() override {
    resumable_ = false;
    const digest::BlobDigest digest = digest::BlobDigest::Of(bytes_);
    RETURN_IF_ERROR(CheckWrittenDigest(options_, digest));
    RETURN_IF_ERROR(store_->Insert(digest, std::move(bytes_)));
    return digest;
  }

  uint64_t committed_size() const override { return bytes_.size(); }

 private:
  MemoryBlobStore* const store_;
  const WriteOptions options_;
  std::string bytes_;
  bool resumable_ = true;
};

absl::StatusOr<std::vector<digest::BlobDigest>> MemoryBlobStore::FindMissing(
    std::span<const digest::BlobDigest> digests) {
  base::MutexLock lock(&mutex_);
  std::vector<digest::BlobDigest> missing;
  for (const digest::BlobDigest& digest : digests) {
    if (!blobs_.contains(digest)) missing.push_back(digest);
  }
  return missing;
}

absl::StatusOr<std::unique_ptr<BlobReader>> MemoryBlobStore::OpenReader(
    const digest::BlobDigest& digest, uint64_t offset) {
  base::MutexLock lock(&mutex_);
  const auto entry = blobs_.find(digest);
  if (entry == blobs_.end()) return BlobNotFoundError(digest);
  RETURN_IF_ERROR(CheckReadOffset(digest, offset));
  order_.splice(order_.end(), order_, entry->second.order);
  return std::make_unique<Reader>(entry->second.bytes, offset);
}

absl::StatusOr<std::unique_ptr<BlobWriter>> MemoryBlobStore::OpenWriter(
    const WriteOptions& options) {
  std::string bytes;
  if (!options.upload_id.empty()) {
    RETURN_IF_ERROR(ValidateUploadId(options.upload_id));
    base::MutexLock lock(&mutex_);
    if (!open_uploads_.insert(options.upload_id).second) {
      return absl::AbortedError(
          absl::StrCat("upload ", options.upload_id, " is being written by another caller"));
    }
    if (const auto upload = uploads_.find(options.upload_id); upload != uploads_.end()) {
      bytes = std::move(upload->second);
      uploads_.erase(upload);
    }
  }
  return std::make_unique<Writer>(this, options, std::move(bytes));
}

absl::Status MemoryBlobStore::Insert(const digest::BlobDigest& digest, std::string bytes) {
  base::MutexLock lock(&mutex_);
  if (blobs_.contains(digest)) return absl::OkStatus();
  if (options_.limit_bytes > 0 && size_bytes_ + bytes.size() > options_.limit_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat("blob ", digest.ToString(),
                                                     " does not fit: ", size_bytes_, " of ",
                                                     options_.limit_bytes, " bytes are used"));
  }
  size_bytes_ += bytes.size();
  order_.push_back(digest);
  blobs_.emplace(digest, Entry{std::make_shared<const std::string>(std::move(bytes)),
                               std::prev(order_.end())});
  return absl::OkStatus();
}

void MemoryBlobStore::CloseUpload(const std::string& upload_id, std::string bytes, bool keep) {
  if (upload_id.empty()) return;
  base::MutexLock lock(&mutex_);
  open_uploads_.erase(upload_id);
  if (keep) uploads_[upload_id] = std::move(bytes);
}

absl::Status MemoryBlobStore::Delete(const digest::BlobDigest& digest) {
  base::MutexLock lock(&mutex_);
  const auto entry = blobs_.find(digest);
  if (entry == blobs_.end()) return BlobNotFoundError(digest);
  size_bytes_ -= digest.size_bytes();
  order_.erase(entry->second.order);
  blobs_.erase(entry);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<digest::BlobDigest>> MemoryBlobStore::List() {
  base::MutexLock lock(&mutex_);
  return std::vector<digest::BlobDigest>(order_.begin(), order_.end());
}

BlobStoreStats MemoryBlobStore::Stats() const {
  base::MutexLock lock(&mutex_);
  return {.blob_count = blobs_.size(), .size_bytes = size_bytes_};
}

}  // namespace graft::blob
