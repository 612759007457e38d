#include "services/cli/trainer_tool.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/child_process.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "services/cli/interrupt.h"

namespace graft::cli {
namespace {

constexpr char kTrainer[] = "/graft-trainer";
constexpr absl::Duration kInterruptPoll = absl::Milliseconds(100);

}  // namespace

absl::StatusOr<std::string> RunTrainer(std::vector<std::string> arguments) {
  ASSIGN_OR_RETURN(std::string program, base::ProgramFolder());
  program += kTrainer;
  arguments.insert(arguments.begin(), program);
  ASSIGN_OR_RETURN(
      base::ChildProcess trainer,
      base::ChildProcess::Start({.arguments = std::move(arguments),  // As a worker's trainer runs.
                                 .environment = {"OMP_WAIT_POLICY=passive"},
                                 .ends_with_parent = true}));
  std::optional<std::string> end;
  while (!end.has_value()) {
    if (InterruptGuard::Interrupted()) return absl::CancelledError("stopped");
    end = trainer.AwaitEnd(kInterruptPoll);
  }
  return absl::StrCat(program, " ", *end);
}

}  // namespace graft::cli
