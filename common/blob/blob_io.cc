#include "common/blob/blob_io.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/base/fd.h"
#include "common/base/status_macros.h"
#include "common/digest/sha256.h"

namespace graft::blob {
namespace {

constexpr size_t kChunkBytes = 256 << 10;

// Reads the blob from its start and gives its bytes to `consume`, piece by piece. Verifies their
// number; the reader's contract covers their values.
absl::Status StreamBlob(BlobStore* store, const digest::BlobDigest& digest,
                        const std::function<absl::Status(std::string_view)>& consume) {
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobReader> reader, store->OpenReader(digest, 0));
  std::vector<char> buffer(kChunkBytes);
  uint64_t total = 0;
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, reader->Read(buffer));
    if (count == 0) break;
    total += count;
    if (total > digest.size_bytes()) break;
    RETURN_IF_ERROR(consume({buffer.data(), count}));
  }
  if (total == digest.size_bytes()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("blob ", digest.ToString(), " ended at byte ", total));
}

absl::Status AppendInChunks(BlobWriter* writer, std::string_view bytes) {
  while (!bytes.empty()) {
    RETURN_IF_ERROR(writer->Append(bytes.substr(0, kChunkBytes)));
    bytes.remove_prefix(std::min(bytes.size(), kChunkBytes));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<digest::BlobDigest> PutBytes(BlobStore* store, std::string_view bytes) {
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobWriter> writer,
                   store->OpenWriter({.expected = digest::BlobDigest::Of(bytes)}));
  RETURN_IF_ERROR(AppendInChunks(writer.get(), bytes));
  return writer->Commit();
}

absl::StatusOr<digest::BlobDigest> PutResumably(BlobStore* store, std::string_view bytes) {
  const digest::BlobDigest digest = digest::BlobDigest::Of(bytes);
  ASSIGN_OR_RETURN(const bool stored, store->Contains(digest));
  if (stored) return digest;
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobWriter> writer,
                   store->OpenWriter({.expected = digest, .upload_id = digest.sha256().ToHex()}));
  // An upload of other bytes may be longer; Commit refuses it.
  const uint64_t arrived = std::min<uint64_t>(writer->committed_size(), bytes.size());
  RETURN_IF_ERROR(AppendInChunks(writer.get(), bytes.substr(arrived)));
  return writer->Commit();
}

absl::StatusOr<digest::BlobDigest> PutFile(BlobStore* store, const std::string& path) {
  ASSIGN_OR_RETURN(const base::UniqueFd fd, base::OpenFile(path, O_RDONLY));
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobWriter> writer, store->OpenWriter({}));
  std::vector<char> buffer(kChunkBytes);
  uint64_t offset = 0;
  while (true) {
    ASSIGN_OR_RETURN(const size_t count,
                     base::ReadAt(fd.get(), offset, buffer, absl::StrCat("read ", path)));
    if (count == 0) break;
    RETURN_IF_ERROR(writer->Append({buffer.data(), count}));
    offset += count;
  }
  return writer->Commit();
}

absl::StatusOr<std::string> ReadBlob(BlobStore* store, const digest::BlobDigest& digest,
                                     uint64_t limit_bytes) {
  if (digest.size_bytes() > limit_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "blob ", digest.ToString(), " is larger than the limit of ", limit_bytes, " bytes"));
  }
  std::string bytes;
  bytes.reserve(digest.size_bytes());
  RETURN_IF_ERROR(StreamBlob(store, digest, [&bytes](std::string_view piece) {
    bytes.append(piece);
    return absl::OkStatus();
  }));
  return bytes;
}

absl::Status ReadBlobToFile(BlobStore* store, const digest::BlobDigest& digest,
                            const std::string& path) {
  ASSIGN_OR_RETURN(const base::UniqueFd fd, base::OpenFile(path, O_WRONLY | O_CREAT | O_EXCL));
  absl::Cleanup remove_partial = [&path] { unlink(path.c_str()); };
  const std::string what = absl::StrCat("write ", path);
  RETURN_IF_ERROR(StreamBlob(store, digest, [&fd, &what](std::string_view piece) {
    return base::WriteFully(fd.get(), piece, what);
  }));
  std::move(remove_partial).Cancel();
  return absl::OkStatus();
}

absl::Status CopyBlob(BlobStore* from, BlobStore* to, const digest::BlobDigest& digest) {
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobWriter> writer, to->OpenWriter({.expected = digest}));
  RETURN_IF_ERROR(StreamBlob(from, digest,
                             [&writer](std::string_view piece) { return writer->Append(piece); }));
  return writer->Commit().status();
}

}  // namespace graft::blob
