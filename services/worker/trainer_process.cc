#include "services/worker/trainer_process.h"

#include <sys/socket.h>

#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "proto/graft/v1/trainer.pb.h"
#include "services/worker/trainer/framing.h"

namespace graft::worker {
namespace {

constexpr absl::Duration kExitPatience = absl::Seconds(5);

}  // namespace

absl::StatusOr<std::unique_ptr<TrainerProcess>> TrainerProcess::Start(
    const TrainerOptions& options) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return base::PosixError(errno, "make a socket pair");
  }
  base::UniqueFd ours(ends[0]);
  const base::UniqueFd theirs(ends[1]);
  std::vector<std::string> arguments = {
      options.program,
      absl::StrCat("--socket-fd=", base::ChildProcess::kSocket),
      absl::StrCat("--slots=", options.slots),
      absl::StrCat("--threads-per-trial=", options.threads_per_trial),
      absl::StrCat("--trial-memory-bytes=", options.trial_memory_bytes),
      absl::StrCat("--backend=", options.backend)};
  // CLI11 2.3 takes the next argument for the value of an empty one.
  if (!options.kernel_table.empty()) {
    arguments.push_back(absl::StrCat("--kernel-table=", options.kernel_table));
  }
  ASSIGN_OR_RETURN(base::ChildProcess process,
                   base::ChildProcess::Start({.arguments = std::move(arguments),
                                              .environment = {"OMP_WAIT_POLICY=passive"},
                                              .socket = theirs.get()}));
  return std::unique_ptr<TrainerProcess>(new TrainerProcess(std::move(process), std::move(ours)));
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
  if (const std::optional<std::string> end = process_.AwaitEnd(kExitPatience)) return *end;
  return process_.Kill();
}

}  // namespace graft::worker
