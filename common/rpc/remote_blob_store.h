#ifndef GRAFT_COMMON_RPC_REMOTE_BLOB_STORE_H_
#define GRAFT_COMMON_RPC_REMOTE_BLOB_STORE_H_

#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/blob/blob_store.h"
#include "common/digest/typed_digest.h"
#include "common/rpc/retry.h"

namespace grpc {
class Channel;
}

namespace graft::rpc {

// A graft-weight-store as a blob store. What breaks with UNAVAILABLE is tried again: reads go on
// where they stopped; writes go on from what the store has, as long as it still has what is no
// longer kept here (the last 8 MiB are; of a write without upload id that means all of it, up to
// that size) and otherwise fail with UNAVAILABLE. A reader opened at offset 0 verifies the digest
// itself, whatever the store does. Calls block; every method may return the errors of the
// connection (UNAVAILABLE, UNAUTHENTICATED, PERMISSION_DENIED, DEADLINE_EXCEEDED for calls other
// than streams) beside those of BlobStore. Thread-safe.
class RemoteBlobStore final : public blob::BlobStore {
 public:
  struct Options {
    RetryPolicy retry;
    // Must outlive the store, its readers and writers.
    Sleeper* sleeper = &RealSleeper();
    // Of calls that are not streams.
    absl::Duration call_timeout = absl::Seconds(30);
  };

  RemoteBlobStore(std::shared_ptr<grpc::Channel> channel, const Options& options);
  ~RemoteBlobStore() override;

  // One call for each 10,000 digests.
  absl::StatusOr<std::vector<digest::BlobDigest>> FindMissing(
      std::span<const digest::BlobDigest> digests) override;
  absl::StatusOr<std::unique_ptr<blob::BlobReader>> OpenReader(const digest::BlobDigest& digest,
                                                               uint64_t offset) override;
  absl::StatusOr<std::unique_ptr<blob::BlobWriter>> OpenWriter(
      const blob::WriteOptions& options) override;

  // Declares a stored blob to be a weights' manifest. FAILED_PRECONDITION: the store lacks a blob
  // that it refers to. INVALID_ARGUMENT: it is not a manifest. NOT_FOUND: no such blob.
  absl::Status CommitManifest(const digest::WeightsDigest& manifest);

 private:
  struct Connection;
  class Reader;
  class Writer;

  const std::unique_ptr<Connection> connection_;
};

}  // namespace graft::rpc

#endif  // GRAFT_COMMON_RPC_REMOTE_BLOB_STORE_H_
