// Whole files and folders. Every error names the path; codes as in fd.h.
#ifndef GRAFT_COMMON_BASE_FILE_H_
#define GRAFT_COMMON_BASE_FILE_H_

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/fd.h"

namespace graft::base {

// The bytes of a file. RESOURCE_EXHAUSTED, before anything is read, if it holds more than
// `limit_bytes`.
absl::StatusOr<std::string> ReadFile(const std::string& path,
                                     uint64_t limit_bytes = std::numeric_limits<int64_t>::max());

// Replaces `path` whole or not at all, also across a power failure: writes a temporary file in the
// same folder, syncs it, renames it and syncs the folder. On failure the old file stands and the
// temporary one is removed.
absl::Status WriteFileDurably(const std::string& path, std::string_view contents, int mode = 0644);

// Makes the names in a folder durable after a rename, create or delete.
absl::Status SyncDirectory(const std::string& path);

// Makes a folder and its missing parents. OK if it exists.
absl::Status CreateDirectories(const std::string& path);

// A fresh folder below TMPDIR (or /tmp), removed with its contents when this is destroyed.
class TempDir {
 public:
  // The folder's name begins with `prefix`.
  static absl::StatusOr<TempDir> Create(std::string_view prefix = "graft-");
  // The same in a folder that exists.
  static absl::StatusOr<TempDir> CreateIn(const std::string& parent, std::string_view prefix);

  TempDir(TempDir&& other) noexcept;
  TempDir& operator=(TempDir&& other) noexcept;
  ~TempDir();

  const std::string& path() const { return path_; }
  // path() "/" `name`
  std::string Join(std::string_view name) const;

 private:
  explicit TempDir(std::string path) : path_(std::move(path)) {}
  void Remove();

  std::string path_;  // empty after a move
};

// An exclusive lock between processes on a file, held until destroyed or until the process ends,
// however it ends.
class FileLock {
 public:
  // Creates the file if it is missing. FAILED_PRECONDITION at once if another holder has it.
  static absl::StatusOr<FileLock> TryAcquire(const std::string& path);

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace graft::base

#endif  // GRAFT_COMMON_BASE_FILE_H_
