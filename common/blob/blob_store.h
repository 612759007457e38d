#ifndef GRAFT_COMMON_BLOB_BLOB_STORE_H_
#define GRAFT_COMMON_BLOB_BLOB_STORE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/digest/blob_digest.h"

namespace graft::blob {

// A stream of a blob's bytes. Not thread-safe. May outlive a delete of the blob, not its store.
class BlobReader {
 public:
  virtual ~BlobReader() = default;

  // Copies the next bytes into `buffer` (not empty) and returns how many: at least one, or 0 at the
  // end of the blob. A reader opened at offset 0 that has returned 0 has handed out exactly the
  // bytes its digest names; DATA_LOSS otherwise. After an error the reader is of no more use.
  virtual absl::StatusOr<size_t> Read(std::span<char> buffer) = 0;
};

// A blob on its way into a store. It becomes visible, whole, at Commit and not before. Destroying a
// writer that has not committed discards its bytes, or keeps them for a later writer if it was
// opened with an upload id. Not thread-safe. Must not outlive its store.
class BlobWriter {
 public:
  virtual ~BlobWriter() = default;

  // Adds bytes at the end. INVALID_ARGUMENT beyond the expected size, RESOURCE_EXHAUSTED when the
  // store is full. After an error the writer can only be destroyed, and its upload can not be
  // resumed.
  virtual absl::Status Append(std::string_view bytes) = 0;

  // Makes the blob visible and durable; afterwards the writer can only be destroyed.
  // INVALID_ARGUMENT, and nothing stored, if the bytes are not those of the expected digest.
  virtual absl::StatusOr<digest::BlobDigest> Commit() = 0;

  // Bytes the store has accepted, those of an upload that was resumed included: where the sender
  // goes on.
  virtual uint64_t committed_size() const = 0;
};

struct WriteOptions {
  // When set, Commit succeeds for these bytes alone.
  std::optional<digest::BlobDigest> expected;
  // When not empty, names an upload that may be interrupted and continued by another writer with
  // the same id: 1 to 64 characters of [A-Za-z0-9_-]. One writer an id at a time.
  std::string upload_id;
};

// A set of immutable byte strings, each named by its digest. What was committed is served back
// unchanged or not at all: bytes that no longer match their digest are never handed out as that
// blob. Implementations are thread-safe.
class BlobStore {
 public:
  virtual ~BlobStore() = default;

  // Those of `digests` that are not stored, in their order. The cost of one call, not of many.
  virtual absl::StatusOr<std::vector<digest::BlobDigest>> FindMissing(
      std::span<const digest::BlobDigest> digests) = 0;

  // A reader from byte `offset` on. NOT_FOUND if there is no such blob, DATA_LOSS if there was one
  // and its bytes are damaged, OUT_OF_RANGE if `offset` is beyond its end.
  virtual absl::StatusOr<std::unique_ptr<BlobReader>> OpenReader(const digest::BlobDigest& digest,
                                                                 uint64_t offset) = 0;

  // Storing a blob that is there already is no error. INVALID_ARGUMENT for a malformed upload id,
  // ABORTED if another writer holds it.
  virtual absl::StatusOr<std::unique_ptr<BlobWriter>> OpenWriter(const WriteOptions& options) = 0;

  // Whether one blob is stored.
  absl::StatusOr<bool> Contains(const digest::BlobDigest& digest);
};

struct BlobStoreStats {
  uint64_t blob_count = 0;
  // The sum of the blobs' sizes.
  uint64_t size_bytes = 0;
  // Blobs found damaged since the store was opened.
  uint64_t quarantined_count = 0;
};

// A store that holds its blobs itself and can part with them. Thread-safe.
class LocalBlobStore : public BlobStore {
 public:
  // NOT_FOUND if there is no such blob. Open readers are not disturbed.
  virtual absl::Status Delete(const digest::BlobDigest& digest) = 0;

  // Every blob, the least recently opened first.
  virtual absl::StatusOr<std::vector<digest::BlobDigest>> List() = 0;

  virtual BlobStoreStats Stats() const = 0;
};

// OK if `upload_id` is well-formed, INVALID_ARGUMENT otherwise. For implementations.
absl::Status ValidateUploadId(std::string_view upload_id);

// The errors of the contract above, worded alike by all implementations.
absl::Status BlobNotFoundError(const digest::BlobDigest& digest);
absl::Status CheckReadOffset(const digest::BlobDigest& digest, uint64_t offset);
// INVALID_ARGUMENT unless `size_bytes`, the size after an Append, is within what is expected.
absl::Status CheckWriteSize(const WriteOptions& options, uint64_t size_bytes);
// INVALID_ARGUMENT unless `actual` is what is expected.
absl::Status CheckWrittenDigest(const WriteOptions& options, const digest::BlobDigest& actual);

}  // namespace graft::blob

#endif  // GRAFT_COMMON_BLOB_BLOB_STORE_H_
