#include "common/base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"

namespace graft::base {
namespace {

std::string ParentOf(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

absl::Status WriteAndSync(int fd, std::string_view contents, int mode, const std::string& path) {
  const std::string what = absl::StrCat("write ", path);
  RETURN_IF_ERROR(WriteFully(fd, contents, what));
  if (fchmod(fd, static_cast<mode_t>(mode)) != 0) {
    return PosixError(errno, absl::StrCat("set the mode of ", path));
  }
  return SyncFile(fd, what);
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path, uint64_t limit_bytes) {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY));
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return PosixError(errno, absl::StrCat("stat ", path));
  if (S_ISDIR(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat("read ", path, ": it is a folder"));
  }
  if (static_cast<uint64_t>(info.st_size) > limit_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("read ", path, ": ", info.st_size, " bytes, the limit is ", limit_bytes));
  }
  // Read until the end, not until the stated size: files below /proc state a size of 0.
  std::string contents(static_cast<size_t>(info.st_size) + 1, '\0');
  size_t done = 0;
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, ReadAt(fd.get(), done, std::span(contents).subspan(done),
                                                absl::StrCat("read ", path)));
    done += count;
    if (done > limit_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat("read ", path, ": more than the limit of ", limit_bytes, " bytes"));
    }
    if (done < contents.size()) break;
    contents.resize(2 * contents.size());
  }
  contents.resize(done);
  return contents;
}

absl::Status WriteFileDurably(const std::string& path, std::string_view contents, int mode) {
  std::string temporary = absl::StrCat(path, ".tmp.XXXXXX");
  const UniqueFd fd(mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd.valid()) return PosixError(errno, absl::StrCat("create a temporary file for ", path));
  absl::Status status = WriteAndSync(fd.get(), contents, mode, path);
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
    status = PosixError(errno, absl::StrCat("rename to ", path));
  }
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  return SyncDirectory(ParentOf(path));
}

absl::Status SyncDirectory(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY | O_DIRECTORY));
  return SyncFile(fd.get(), absl::StrCat("sync the folder ", path));
}

absl::Status CreateDirectories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return PosixError(error.value(), absl::StrCat("create the folder ", path));
  return absl::OkStatus();
}

absl::StatusOr<TempDir> TempDir::Create(std::string_view prefix) {
  const char* const base = getenv("TMPDIR");
  return CreateIn(base != nullptr && *base != '\0' ? base : "/tmp", prefix);
}

absl::StatusOr<TempDir> TempDir::CreateIn(const std::string& parent, std::string_view prefix) {
  std::string path = absl::StrCat(parent, "/", ToAbsl(prefix), "XXXXXX");
  if (mkdtemp(path.data()) == nullptr) {
    return PosixError(errno, absl::StrCat("create the folder ", path));
  }
  return TempDir(std::move(path));
}

TempDir::TempDir(TempDir&& other) noexcept : path_(std::exchange(other.path_, {})) {}

TempDir& TempDir::operator=(TempDir&& other) noexcept {
  if (this != &other) {
    Remove();
    path_ = std::exchange(other.path_, {});
  }
  return *this;
}

TempDir::~TempDir() { Remove(); }

std::string TempDir::Join(std::string_view name) const {
  return absl::StrCat(path_, "/", ToAbsl(name));
}

void TempDir::Remove() {
  if (path_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

absl::StatusOr<FileLock> FileLock::TryAcquire(const std::string& path) {
  ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_RDWR | O_CREAT));
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return absl::FailedPreconditionError(
          absl::StrCat(path, " is locked: another process uses this folder"));
    }
    return PosixError(errno, absl::StrCat("lock ", path));
  }
  return FileLock(std::move(fd));
}

}  // namespace graft::base
