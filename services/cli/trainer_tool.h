// graft-trainer as a tool: this program never loads the engine's libraries.
#ifndef GRAFT_SERVICES_CLI_TRAINER_TOOL_H_
#define GRAFT_SERVICES_CLI_TRAINER_TOOL_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace graft::cli {

// Runs the graft-trainer beside this program to its end and says how it ended: "/.../graft-trainer
// exited with status 0". An InterruptGuard lives. CANCELLED: SIGINT or SIGTERM came; the trainer is
// killed.
absl::StatusOr<std::string> RunTrainer(std::vector<std::string> arguments);

}  // namespace graft::cli

#endif  // GRAFT_SERVICES_CLI_TRAINER_TOOL_H_
