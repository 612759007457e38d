#include "common/base/fd.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/strings.h"

namespace graft::base {

void UniqueFd::Reset() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

absl::Status PosixError(int error_number, std::string_view what) {
  if (error_number == EDQUOT) {
    return absl::ResourceExhaustedError(absl::StrCat(ToAbsl(what), ": disk quota exceeded"));
  }
  return absl::ErrnoToStatus(error_number, ToAbsl(what));
}

absl::StatusOr<UniqueFd> OpenFile(const std::string& path, int flags, int mode) {
  int fd;
  do {
    fd = open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return PosixError(errno, absl::StrCat("open ", path));
  return UniqueFd(fd);
}

absl::Status WriteFully(int fd, std::string_view bytes, std::string_view what) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return PosixError(errno, what);
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> ReadAt(int fd, uint64_t offset, std::span<char> buffer,
                              std::string_view what) {
  size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t count =
        pread(fd, buffer.data() + done, buffer.size() - done, static_cast<off_t>(offset + done));
    if (count < 0) {
      if (errno == EINTR) continue;
      return PosixError(errno, what);
    }
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return done;
}

absl::Status SyncFile(int fd, std::string_view what) {
  int result;
  do {
    result = fsync(fd);
  } while (result < 0 && errno == EINTR);
  if (result < 0) return PosixError(errno, what);
  return absl::OkStatus();
}

}  // namespace graft::base
