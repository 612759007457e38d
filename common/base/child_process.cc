#include "common/base/child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/fd.h"

namespace graft::base {
namespace {

constexpr absl::Duration kPollInterval = absl::Milliseconds(5);

// util-linux's setpriv arms the parent-death signal and replaces itself by the program: posix_spawn
// has no attribute for it.
std::vector<std::string> Words(const ChildOptions& options) {
  std::vector<std::string> words;
  if (options.ends_with_parent) words = {"/usr/bin/setpriv", "--pdeathsig", "TERM", "--"};
  words.insert(words.end(), options.arguments.begin(), options.arguments.end());
  return words;
}

std::vector<std::string> Environment(const ChildOptions& options) {
  std::vector<std::string> variables = options.environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    const std::string name = text.substr(0, text.find('=') + 1);
    const bool replaced = std::any_of(
        options.environment.begin(), options.environment.end(),
        [&](const std::string& other) { return !name.empty() && other.starts_with(name); });
    if (!replaced) variables.push_back(text);
  }
  return variables;
}

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

void AddFiles(const ChildOptions& options, posix_spawn_file_actions_t* files) {
  if (!options.log_path.empty()) {
    posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(files, STDOUT_FILENO, options.log_path.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0644);
    posix_spawn_file_actions_adddup2(files, STDOUT_FILENO, STDERR_FILENO);
  }
  if (options.socket >= 0) {
    posix_spawn_file_actions_adddup2(files, options.socket, ChildProcess::kSocket);
  }
}

void SetSignalsAndGroup(posix_spawnattr_t* attributes) {
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(attributes, &none);
  sigset_t ending = none;
  sigaddset(&ending, SIGINT);
  sigaddset(&ending, SIGTERM);
  posix_spawnattr_setsigdefault(attributes, &ending);
  posix_spawnattr_setpgroup(attributes, 0);
  posix_spawnattr_setflags(attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
}

std::string DescribeEnd(int wait_status) {
  if (WIFSIGNALED(wait_status)) return absl::StrCat("killed by signal ", WTERMSIG(wait_status));
  return absl::StrCat("exited with status ", WEXITSTATUS(wait_status));
}

}  // namespace

absl::StatusOr<ChildProcess> ChildProcess::Start(const ChildOptions& options) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  const auto free_files = absl::MakeCleanup([&] { posix_spawn_file_actions_destroy(&files); });
  AddFiles(options, &files);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  const auto free_attributes = absl::MakeCleanup([&] { posix_spawnattr_destroy(&attributes); });
  SetSignalsAndGroup(&attributes);

  std::vector<std::string> words = Words(options);
  std::vector<std::string> variables = Environment(options);
  pid_t pid = -1;
  const int error = posix_spawn(&pid, words[0].c_str(), &files, &attributes, Pointers(words).data(),
                                Pointers(variables).data());
  if (error != 0) return PosixError(error, absl::StrCat("start ", words[0]));
  return ChildProcess(pid);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), end_(std::move(other.end_)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    Kill();
    pid_ = std::exchange(other.pid_, -1);
    end_ = std::move(other.end_);
  }
  return *this;
}

ChildProcess::~ChildProcess() { Kill(); }

std::optional<std::string> ChildProcess::Ended() {
  if (pid_ < 0) return end_;
  int wait_status = 0;
  if (waitpid(pid_, &wait_status, WNOHANG) != pid_) return std::nullopt;
  pid_ = -1;
  end_ = DescribeEnd(wait_status);
  return end_;
}

std::optional<std::string> ChildProcess::AwaitEnd(absl::Duration patience) {
  const absl::Time deadline = absl::Now() + patience;
  while (true) {
    if (const std::optional<std::string> end = Ended()) return end;
    if (absl::Now() >= deadline) return std::nullopt;
    absl::SleepFor(kPollInterval);
  }
}

void ChildProcess::Signal(int signal_number) {
  if (pid_ >= 0) kill(pid_, signal_number);
}

std::string ChildProcess::Stop(absl::Duration patience) {
  if (!Ended()) Signal(SIGTERM);
  if (const std::optional<std::string> end = AwaitEnd(patience)) return *end;
  return Kill();
}

std::string ChildProcess::Kill() {
  if (Ended()) return end_;
  Signal(SIGKILL);
  int wait_status = 0;
  waitpid(pid_, &wait_status, 0);
  pid_ = -1;
  end_ = DescribeEnd(wait_status);
  return end_;
}

absl::StatusOr<std::string> ProgramFolder() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return PosixError(error.value(), "read /proc/self/exe");
  return self.parent_path().string();
}

}  // namespace graft::base
