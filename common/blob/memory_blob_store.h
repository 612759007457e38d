#ifndef GRAFT_COMMON_BLOB_MEMORY_BLOB_STORE_H_
#define GRAFT_COMMON_BLOB_MEMORY_BLOB_STORE_H_

#include <list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "common/base/mutex.h"
#include "common/blob/blob_store.h"

namespace graft::blob {

// Keeps blobs in memory, for tests and for caches that need not survive the process. Thread-safe.
class MemoryBlobStore final : public LocalBlobStore {
 public:
  struct Options {
    // A commit that would pass it is RESOURCE_EXHAUSTED. 0: no limit.
    uint64_t limit_bytes = 0;
  };

  MemoryBlobStore() : MemoryBlobStore(Options()) {}
  explicit MemoryBlobStore(const Options& options) : options_(options) {}

  absl::StatusOr<std::vector<digest::BlobDigest>> FindMissing(
      std::span<const digest::BlobDigest> digests) override;
  absl::StatusOr<std::unique_ptr<BlobReader>> OpenReader(const digest::BlobDigest& digest,
                                                         uint64_t offset) override;
  absl::StatusOr<std::unique_ptr<BlobWriter>> OpenWriter(const WriteOptions& options) override;
  absl::Status Delete(const digest::BlobDigest& digest) override;
  absl::StatusOr<std::vector<digest::BlobDigest>> List() override;
  BlobStoreStats Stats() const override;

 private:
  class Writer;

  struct Entry {
    // Shared with the readers, which a delete must not disturb.
    std::shared_ptr<const std::string> bytes;
    std::list<digest::BlobDigest>::iterator order;
  };

  absl::Status Insert(const digest::BlobDigest& digest, std::string bytes);
  void CloseUpload(const std::string& upload_id, std::string bytes, bool keep);

  const Options options_;
  mutable base::Mutex mutex_;
  absl::flat_hash_map<digest::BlobDigest, Entry> blobs_ ABSL_GUARDED_BY(mutex_);
  // All blobs, the least recently opened first.
  std::list<digest::BlobDigest> order_ ABSL_GUARDED_BY(mutex_);
  uint64_t size_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  // Bytes of interrupted uploads, by id.
  absl::flat_hash_map<std::string, std::string> uploads_ ABSL_GUARDED_BY(mutex_);
  // Ids that a writer holds.
  absl::flat_hash_set<std::string> open_uploads_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace graft::blob

#endif  // GRAFT_COMMON_BLOB_MEMORY_BLOB_STORE_H_
