// ChildProcess: another program, started and ended by this one.
#ifndef GRAFT_COMMON_BASE_CHILD_PROCESS_H_
#define GRAFT_COMMON_BASE_CHILD_PROCESS_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace graft::base {

struct ChildOptions {
  // The program's path, then what it is told.
  std::vector<std::string> arguments;
  // "NAME=value": added to the environment of this process, or in place of what is there.
  std::vector<std::string> environment;
  // File to which standard output and error are appended; standard input is empty then. Without a
  // path all three are those of this process.
  std::string log_path;
  // A descriptor of this process that the child gets as ChildProcess::kSocket; -1: none.
  int socket = -1;
  // Whether the kernel sends the child SIGTERM when the *thread* that starts it has ended.
  bool ends_with_parent = false;
};

// Owns a process. It runs in a process group of its own, so that Ctrl-C reaches only its parent,
// which then stops it in order; SIGINT and SIGTERM do there what they do by default, whatever they
// do here. Not thread-safe.
class ChildProcess {
 public:
  static constexpr int kSocket = 3;

  // With `ends_with_parent` a program that cannot be started is a process that ends at once, its
  // reason in the log; without, an error.
  static absl::StatusOr<ChildProcess> Start(const ChildOptions& options);

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  // Kills the process if it still runs.
  ~ChildProcess();

  // -1 once it has ended.
  pid_t pid() const { return pid_; }

  // "exited with status 1" or "killed by signal 9" once it has ended; reaps it.
  std::optional<std::string> Ended();

  // The same after waiting for the end for up to `patience`.
  std::optional<std::string> AwaitEnd(absl::Duration patience);

  void Signal(int signal_number);

  // SIGTERM, then SIGKILL after `patience`. Returns how it ended.
  std::string Stop(absl::Duration patience);

  // SIGKILL. Returns how it ended.
  std::string Kill();

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}
  pid_t pid_ = -1;  // -1: none, or reaped
  std::string end_;
};

// The folder of this process's program, where its companions are.
absl::StatusOr<std::string> ProgramFolder();

}  // namespace graft::base

#endif  // GRAFT_COMMON_BASE_CHILD_PROCESS_H_
