#ifndef GRAFT_COMMON_BLOB_DISK_BLOB_STORE_H_
#define GRAFT_COMMON_BLOB_DISK_BLOB_STORE_H_

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/fd.h"
#include "common/base/file.h"
#include "common/base/mutex.h"
#include "common/blob/blob_store.h"

namespace graft::blob {

// Keeps each blob in a file of its own below one folder:
//
//   blobs/ab/cdef...-SIZE      the blob whose SHA-256 in hexadecimal is abcdef...; mode 0444; its
//                              time of modification is when it was last opened
//   tmp/anonymous-XXXXXX       a write in progress
//   tmp/upload-ID              an upload that can be resumed
//   quarantine/abcdef...-SIZE-N  a file that did not match its name, kept for inspection
//   LOCK                       held by the process that has the store open
//
// A write goes into tmp, is synced, renamed to its final name, and the folder is synced: a blob is
// there whole or not at all, whenever the machine stops. Opening a reader hashes the whole file;
// one that does not match its digest is moved to the quarantine and reported as DATA_LOSS, and
// afterwards the blob is missing, so that it can be stored again. A full disk or quota is
// RESOURCE_EXHAUSTED. Thread-safe.
class DiskBlobStore final : public LocalBlobStore {
 public:
  struct Options {
    std::string directory;  // created if it is missing
    // Whether a commit waits for the disk. Without it a power failure may lose or damage recent
    // blobs; damage is still found when they are read. For caches.
    bool sync_writes = true;
    // At Open, interrupted uploads that were last written longer ago are removed.
    absl::Duration upload_retention = absl::Hours(24);
    // Must outlive the store.
    const base::Clock* clock = &base::RealClock();
  };

  // Opens or creates the store and removes what interrupted writes have left. FAILED_PRECONDITION
  // if it is open already, in this process or another.
  static absl::StatusOr<std::unique_ptr<DiskBlobStore>> Open(const Options& options);

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

  DiskBlobStore(const Options& options, base::FileLock lock)
      : options_(options), lock_(std::move(lock)) {}

  std::string PathOf(const digest::BlobDigest& digest) const;
  std::string BlobsPath() const;
  std::string FolderOf(const digest::BlobDigest& digest) const;
  std::string TemporaryPath(std::string_view name) const;

  absl::Status CreateFolders();
  absl::Status RemoveLeftovers();
  absl::Status CountBlobs();

  // Moves the file open as `fd`, unless a good one has taken its name, and returns DATA_LOSS.
  absl::Status Quarantine(const digest::BlobDigest& digest, int fd, const std::string& problem);
  absl::Status CreateFolderOf(const digest::BlobDigest& digest);
  // Renames a finished temporary file to its final name.
  absl::Status Publish(const std::string& temporary, const digest::BlobDigest& digest);
  absl::Status ClaimUpload(const std::string& upload_id);
  void ReleaseUpload(const std::string& upload_id);

  const Options options_;
  const base::FileLock lock_;

  // Held for renames and deletes of blobs, so that counts are right and a good file is never
  // quarantined in place of a bad one. Not held while bytes are read or written.
  mutable base::Mutex mutex_;
  BlobStoreStats stats_ ABSL_GUARDED_BY(mutex_);
  // Ids that a writer holds.
  absl::flat_hash_set<std::string> open_uploads_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace graft::blob

#endif  // GRAFT_COMMON_BLOB_DISK_BLOB_STORE_H_
