#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "services/cli/commands/commands.h"
#include "services/cli/interrupt.h"
#include "services/cli/session.h"
#include "services/cli/trainer_tool.h"

namespace graft::cli {
namespace {

struct TuneOptions {
  std::string file = "graft.kernels";
  int threads = 1;
  int rounds = 6;
};

absl::Status Tune(const TuneOptions& options) {
  const InterruptGuard guard;
  ASSIGN_OR_RETURN(const base::TempDir folder, base::TempDir::Create());
  const std::string measured = folder.Join("kernels");
  ASSIGN_OR_RETURN(const std::string end, RunTrainer({"tune", measured, "--threads-per-trial",
                                                      absl::StrCat(options.threads), "--rounds",
                                                      absl::StrCat(options.rounds)}));
  const absl::StatusOr<std::string> table = base::ReadFile(measured);
  if (!table.ok()) return absl::FailedPreconditionError(absl::StrCat("nothing is tuned: ", end));
  RETURN_IF_ERROR(base::WriteFileDurably(options.file, *table));
  std::cout << "wrote " << options.file << "; `graft local --kernel-table " << options.file
            << "` uses it, and so do workers with `kernel_table` in their configuration\n";
  return absl::OkStatus();
}

}  // namespace

void AddTuneCommand(CLI::App& app, Session& session) {
  auto options = std::make_shared<TuneOptions>();
  CLI::App* verb = app.add_subcommand(
      "tune", "Measures which kernels are fastest on this machine; leave it alone meanwhile");
  verb->add_option("file", options->file, "File to write")->capture_default_str();
  verb->add_option("--threads", options->threads, "Threads of one trial")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  verb->add_option("--rounds", options->rounds,
                   "Measurements of each kernel; more take longer and are steadier")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  verb->callback([&session, options] { session.action = [options] { return Tune(*options); }; });
}

}  // namespace graft::cli
