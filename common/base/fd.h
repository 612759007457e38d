#ifndef GRAFT_COMMON_BASE_FD_H_
#define GRAFT_COMMON_BASE_FD_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace graft::base {

// Owns a POSIX file descriptor and closes it. Not thread-safe.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      Reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~UniqueFd() { Reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }
  void Reset();

 private:
  int fd_ = -1;
};

// The functions below repeat interrupted and short system calls. `what` opens the message of an
// error: "write /var/lib/graft/tmp/1". A full disk or quota is RESOURCE_EXHAUSTED, a missing file
// NOT_FOUND, other errors as absl::ErrnoToStatus has them.
absl::Status PosixError(int error_number, std::string_view what);

// open(2) with O_CLOEXEC added.
absl::StatusOr<UniqueFd> OpenFile(const std::string& path, int flags, int mode = 0644);

// Writes all of `bytes` at the file's position.
absl::Status WriteFully(int fd, std::string_view bytes, std::string_view what);

// Reads up to buffer.size() bytes at `offset`; fewer only at the end of the file.
absl::StatusOr<size_t> ReadAt(int fd, uint64_t offset, std::span<char> buffer,
                              std::string_view what);

absl::Status SyncFile(int fd, std::string_view what);

}  // namespace graft::base

#endif  // GRAFT_COMMON_BASE_FD_H_
