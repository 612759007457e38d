#include "services/cli/child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/fd.h"

extern char** environ;

namespace graft::cli {
namespace {

// util-linux's setpriv arms the parent-death signal and replaces itself by the program: posix_spawn
// has no attribute for it.
const std::vector<std::string>& DieWithParent() {
  static const auto& words =
      *new std::vector<std::string>{"/usr/bin/setpriv", "--pdeathsig", "TERM", "--"};
  return words;
}

constexpr absl::Duration kPollInterval = absl::Milliseconds(20);

std::string DescribeEnd(int wait_status) {
  if (WIFSIGNALED(wait_status)) return absl::StrCat("killed by signal ", WTERMSIG(wait_status));
  return absl::StrCat("exited with status ", WEXITSTATUS(wait_status));
}

}  // namespace

absl::StatusOr<ChildProcess> ChildProcess::Start(const std::vector<std::string>& arguments,
                                                 const std::string& log_path) {
  std::vector<std::string> words = DieWithParent();
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  const auto free_files = absl::MakeCleanup([&] { posix_spawn_file_actions_destroy(&files); });
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log_path.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  const auto free_attributes = absl::MakeCleanup([&] { posix_spawnattr_destroy(&attributes); });
  sigset_t no_signals;
  sigemptyset(&no_signals);
  posix_spawnattr_setsigmask(&attributes, &no_signals);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);

  pid_t pid = -1;
  const int error = posix_spawn(&pid, argv[0], &files, &attributes, argv.data(), environ);
  if (error != 0) return base::PosixError(error, absl::StrCat("start ", arguments[0]));
  return ChildProcess(pid);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), end_(std::move(other.end_)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    Stop(absl::ZeroDuration());
    pid_ = std::exchange(other.pid_, -1);
    end_ = std::move(other.end_);
  }
  return *this;
}

ChildProcess::~ChildProcess() { Stop(absl::ZeroDuration()); }

std::optional<std::string> ChildProcess::Ended() {
  if (pid_ < 0) return end_;
  int wait_status = 0;
  if (waitpid(pid_, &wait_status, WNOHANG) != pid_) return std::nullopt;
  pid_ = -1;
  end_ = DescribeEnd(wait_status);
  return end_;
}

void ChildProcess::Signal(int signal_number) {
  if (pid_ >= 0) kill(pid_, signal_number);
}

void ChildProcess::Stop(absl::Duration patience) {
  if (Ended()) return;
  Signal(SIGTERM);
  const absl::Time deadline = absl::Now() + patience;
  while (!Ended()) {
    if (absl::Now() >= deadline) {
      Signal(SIGKILL);
      waitpid(pid_, nullptr, 0);
      pid_ = -1;
      end_ = "killed by signal 9";
      return;
    }
    absl::SleepFor(kPollInterval);
  }
}

}  // namespace graft::cli
