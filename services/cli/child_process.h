// ChildProcess: a program that runs beside this one and ends with it.
#ifndef GRAFT_SERVICES_CLI_CHILD_PROCESS_H_
#define GRAFT_SERVICES_CLI_CHILD_PROCESS_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace graft::cli {

// Owns a child process. It runs in a process group of its own, so that Ctrl-C reaches only its
// parent, which then stops it in order; if the parent dies, the kernel sends the child SIGTERM. Not
// thread-safe.
class ChildProcess {
 public:
  // `arguments[0]` is the program's path. Standard output and error are appended to `log_path`.
  static absl::StatusOr<ChildProcess> Start(const std::vector<std::string>& arguments,
                                            const std::string& log_path);

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  // Kills the process if it still runs.
  ~ChildProcess();

  pid_t pid() const { return pid_; }

  // "exited with status 1" or "killed by signal 9" once it has ended; reaps it.
  std::optional<std::string> Ended();

  void Signal(int signal_number);

  // SIGTERM, then SIGKILL after `patience`.
  void Stop(absl::Duration patience);

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}
  pid_t pid_ = -1;  // -1: none, or reaped
  std::string end_;
};

}  // namespace graft::cli

#endif  // GRAFT_SERVICES_CLI_CHILD_PROCESS_H_
