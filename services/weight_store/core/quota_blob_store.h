#ifndef GRAFT_SERVICES_WEIGHT_STORE_CORE_QUOTA_BLOB_STORE_H_
#define GRAFT_SERVICES_WEIGHT_STORE_CORE_QUOTA_BLOB_STORE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/base/mutex.h"
#include "common/blob/blob_store.h"

namespace graft::weight_store {

// A local store that takes no more than a number of bytes, writes in progress included; beyond that
// writes are RESOURCE_EXHAUSTED. What is stored is never removed to make room. Thread-safe.
class QuotaBlobStore final : public blob::BlobStore {
 public:
  // `store` must outlive this and be written through this alone. 0 bytes: no limit.
  QuotaBlobStore(blob::LocalBlobStore* store, uint64_t quota_bytes)
      : store_(store), quota_bytes_(quota_bytes) {}

  absl::StatusOr<std::vector<digest::BlobDigest>> FindMissing(
      std::span<const digest::BlobDigest> digests) override {
    return store_->FindMissing(digests);
  }
  absl::StatusOr<std::unique_ptr<blob::BlobReader>> OpenReader(const digest::BlobDigest& digest,
                                                               uint64_t offset) override {
    return store_->OpenReader(digest, offset);
  }
  absl::StatusOr<std::unique_ptr<blob::BlobWriter>> OpenWriter(
      const blob::WriteOptions& options) override;

 private:
  class Writer;

  // Counts bytes of a write in progress; RESOURCE_EXHAUSTED, and nothing counted, beyond the quota.
  absl::Status Reserve(uint64_t bytes);
  void Release(uint64_t bytes);

  blob::LocalBlobStore* const store_;
  const uint64_t quota_bytes_;

  base::Mutex mutex_;
  uint64_t reserved_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace graft::weight_store

#endif  // GRAFT_SERVICES_WEIGHT_STORE_CORE_QUOTA_BLOB_STORE_H_
