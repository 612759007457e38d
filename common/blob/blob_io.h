// Whole blobs to and from memory, files and other stores.
#ifndef GRAFT_COMMON_BLOB_BLOB_IO_H_
#define GRAFT_COMMON_BLOB_BLOB_IO_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/blob/blob_store.h"
#include "common/digest/blob_digest.h"

namespace graft::blob {

// Stores `bytes` and returns their digest.
absl::StatusOr<digest::BlobDigest> PutBytes(BlobStore* store, std::string_view bytes);

// PutBytes for what is large or comes over a network: nothing is sent if the store has the bytes,
// and what an interrupted call for the same bytes has sent is not sent again. Errors also as of
// OpenWriter: ABORTED while another call for the same bytes runs.
absl::StatusOr<digest::BlobDigest> PutResumably(BlobStore* store, std::string_view bytes);

// Stores the contents of a file, as they are while it is read.
absl::StatusOr<digest::BlobDigest> PutFile(BlobStore* store, const std::string& path);

// The bytes of a blob, verified. RESOURCE_EXHAUSTED, before anything is read, if its digest states
// more than `limit_bytes`: choose the limit, the digest may come from a peer.
absl::StatusOr<std::string> ReadBlob(BlobStore* store, const digest::BlobDigest& digest,
                                     uint64_t limit_bytes);

// Writes a blob into a new file, which exists only if all its bytes were written and verified.
// Not synced: for files that are read by another process soon. ALREADY_EXISTS if `path` exists.
absl::Status ReadBlobToFile(BlobStore* store, const digest::BlobDigest& digest,
                            const std::string& path);

// Copies a blob from one store into another, verified. Reads even if `to` has it.
absl::Status CopyBlob(BlobStore* from, BlobStore* to, const digest::BlobDigest& digest);

}  // namespace graft::blob

#endif  // GRAFT_COMMON_BLOB_BLOB_IO_H_
