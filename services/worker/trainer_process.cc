#include "services/worker/trainer_process.h"

#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "proto/graft/v1/trainer.pb.h"
#include "services/worker/trainer/framing.h"

extern char** environ;

namespace graft::worker {
namespace {

// The trainer's end of the socket pair in the trainer.
constexpr int kTrainerSocket = 3;
constexpr absl::Duration kExitPatience = absl::Seconds(5);
constexpr absl::Duration kPollInterval = absl::Milliseconds(5);

std::vector<std::string> TrainerEnvironment() {
  std::vector<std::string> variables = {"OMP_WAIT_POLICY=passive"};
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!absl::StartsWith(*variable, "OMP_WAIT_POLICY=")) variables.emplace_back(*variable);
  }
  return variables;
}

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::string DescribeEnd(int wait_status) {
  if (WIFSIGNALED(wait_status)) return absl::StrCat("killed by signal ", WTERMSIG(wait_status));
  return absl::StrCat("exited with status ", WEXITSTATUS(wait_status));
}

}  // namespace

absl::StatusOr<std::unique_ptr<TrainerProcess>> TrainerProcess::Start(
    const TrainerOptions& options) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return base::PosixError(errno, "make a socket pair");
  }
  base::UniqueFd ours(ends[0]);
  const base::UniqueFd theirs(ends[1]);

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  const auto free_files = absl::MakeCleanup([&] { posix_spawn_file_actions_destroy(&files); });
  posix_spawn_file_actions_adddup2(&files, theirs.get(), kTrainerSocket);

  // The worker blocks the signals that end it; in the trainer they are as usual. A process group of
  // its own keeps Ctrl-C in a terminal from reaching it before the worker has handed its trials
  // back.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  const auto free_attributes = absl::MakeCleanup([&] { posix_spawnattr_destroy(&attributes); });
  sigset_t no_signals;
  sigemptyset(&no_signals);
  posix_spawnattr_setsigmask(&attributes, &no_signals);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);

  std::vector<std::string> arguments = {
      options.program, absl::StrCat("--socket-fd=", kTrainerSocket),
      absl::StrCat("--slots=", options.slots),
      absl::StrCat("--threads-per-trial=", options.threads_per_trial),
      absl::StrCat("--backend=", options.backend)};
  std::vector<std::string> environment = TrainerEnvironment();
  pid_t pid = -1;
  const int error = posix_spawn(&pid, options.program.c_str(), &files, &attributes,
                                Pointers(arguments).data(), Pointers(environment).data());
  if (error != 0) return base::PosixError(error, absl::StrCat("start ", options.program));
  return std::unique_ptr<TrainerProcess>(new TrainerProcess(pid, std::move(ours)));
}

TrainerProcess::~TrainerProcess() {
  if (!end_.empty()) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

absl::Status TrainerProcess::Send(const v1::TrainerRequest& request) {
  const base::MutexLock lock(&send_mutex_);
  return WriteFrame(socket_.get(), request);
}

absl::StatusOr<bool> TrainerProcess::Receive(v1::TrainerEvent* event) {
  return ReadFrame(socket_.get(), event);
}

std::string TrainerProcess::Close() {
  shutdown(socket_.get(), SHUT_RDWR);
  const absl::Time deadline = absl::Now() + kExitPatience;
  while (end_.empty()) {
    int wait_status = 0;
    if (waitpid(pid_, &wait_status, WNOHANG) == pid_) {
      end_ = DescribeEnd(wait_status);
    } else if (absl::Now() > deadline) {
      kill(pid_, SIGKILL);
      waitpid(pid_, &wait_status, 0);
      end_ = DescribeEnd(wait_status);
    } else {
      absl::SleepFor(kPollInterval);
    }
  }
  return end_;
}

}  // namespace graft::worker
