#ifndef GRAFT_COMMON_BLOB_CACHING_BLOB_STORE_H_
#define GRAFT_COMMON_BLOB_CACHING_BLOB_STORE_H_

#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/base/mutex.h"
#include "common/blob/blob_store.h"

namespace graft::blob {

struct BlobCacheStats {
  uint64_t hits = 0;       // readers opened on a local blob
  uint64_t misses = 0;     // readers that needed the remote store
  uint64_t fetches = 0;    // blobs copied here; fewer than misses where readers shared a fetch
  uint64_t evictions = 0;  // blobs removed to make room
  uint64_t size_bytes = 0;
};

// A local store in front of a remote one. Reads come from the local store, which is filled on a
// miss; readers that miss the same blob at once share one fetch. Writes go to both, and the remote
// store decides whether they succeed. The least recently used blobs are removed beyond a limit. A
// local store that is full or fails makes reads slower, not wrong. What is stored is what the
// remote store says (FindMissing asks it alone). Thread-safe.
class CachingBlobStore final : public BlobStore {
 public:
  struct Options {
    // Bytes of blobs kept here. A blob larger than this is read from the remote store each time.
    uint64_t limit_bytes = uint64_t{4} << 30;
  };

  // Both stores must outlive this; nobody else may write to `local`. Blobs that are in `local`
  // already are kept within the limit.
  static absl::StatusOr<std::unique_ptr<CachingBlobStore>> Create(LocalBlobStore* local,
                                                                  BlobStore* remote,
                                                                  const Options& options);

  absl::StatusOr<std::vector<digest::BlobDigest>> FindMissing(
      std::span<const digest::BlobDigest> digests) override;
  absl::StatusOr<std::unique_ptr<BlobReader>> OpenReader(const digest::BlobDigest& digest,
                                                         uint64_t offset) override;
  absl::StatusOr<std::unique_ptr<BlobWriter>> OpenWriter(const WriteOptions& options) override;

  BlobCacheStats Stats() const;

  // What is cached, the least recently used first: for LeaseTrials' hint.
  std::vector<digest::BlobDigest> CachedDigests() const;

 private:
  class TeeWriter;
  struct Fetch;

  CachingBlobStore(LocalBlobStore* local, BlobStore* remote, const Options& options)
      : local_(local), remote_(remote), options_(options) {}

  // Copies a blob here, or waits for the caller who is doing so. True if it worked, false if the
  // local store could not take it; an error is the remote store's.
  absl::StatusOr<bool> FetchOnce(const digest::BlobDigest& digest);
  absl::StatusOr<bool> Copy(const digest::BlobDigest& digest);
  // Records a use of a blob, or, as the local store has it, that it came or went. Asking under the
  // lock under which blobs are evicted keeps the books right whatever other callers do meanwhile.
  void UpdateBooks(const digest::BlobDigest& digest);
  void EvictBeyondLimit() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  LocalBlobStore* const local_;
  BlobStore* const remote_;
  const Options options_;

  mutable base::Mutex mutex_;
  // The cached blobs, the least recently used first, and where each stands.
  std::list<digest::BlobDigest> order_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<digest::BlobDigest, std::list<digest::BlobDigest>::iterator> positions_
      ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<digest::BlobDigest, std::shared_ptr<Fetch>> fetches_ ABSL_GUARDED_BY(mutex_);
  BlobCacheStats stats_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace graft::blob

#endif  // GRAFT_COMMON_BLOB_CACHING_BLOB_STORE_H_
