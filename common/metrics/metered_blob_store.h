#ifndef GRAFT_COMMON_METRICS_METERED_BLOB_STORE_H_
#define GRAFT_COMMON_METRICS_METERED_BLOB_STORE_H_

#include <memory>
#include <span>
#include <vector>

#include "common/blob/blob_store.h"
#include "common/metrics/registry.h"

namespace graft::metrics {

// Counts what goes through another store:
//   graft_store_read_bytes_total, graft_store_written_bytes_total
//   graft_store_reads_total{outcome="hit"|"miss"|"error"}    readers opened
//   graft_store_writes_total{outcome="committed"|"error"}    commits, failed appends and opens
// A miss is NOT_FOUND. Changes no result. Thread-safe.
class MeteredBlobStore final : public blob::BlobStore {
 public:
  // Both must outlive this.
  MeteredBlobStore(blob::BlobStore* store, Registry* registry);

  absl::StatusOr<std::vector<digest::BlobDigest>> FindMissing(
      std::span<const digest::BlobDigest> digests) override;
  absl::StatusOr<std::unique_ptr<blob::BlobReader>> OpenReader(const digest::BlobDigest& digest,
                                                               uint64_t offset) override;
  absl::StatusOr<std::unique_ptr<blob::BlobWriter>> OpenWriter(
      const blob::WriteOptions& options) override;

 private:
  struct Metrics {
    explicit Metrics(Registry* registry);
    Counter read_bytes;
    Counter written_bytes;
    Counter read_hits;
    Counter read_misses;
    Counter read_errors;
    Counter commits;
    Counter write_errors;
  };
  class Reader;
  class Writer;

  blob::BlobStore* const store_;
  Metrics metrics_;
};

}  // namespace graft::metrics

#endif  // GRAFT_COMMON_METRICS_METERED_BLOB_STORE_H_
