// graft-trainer: runs trials for the graft-worker that started it, in a process of its own.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdint>
#include <memory>
#include <string>

#include "common/base/fd.h"
#include "common/base/logging.h"
#include "common/base/version.h"
#include "common/engine/cpu/cpu_backend.h"
#include "common/engine/reference/reference_backend.h"
#include "services/worker/trainer/dataset_cache.h"
#include "services/worker/trainer/trainer_server.h"

namespace graft::worker {
namespace {

constexpr char kName[] = "graft-trainer";
constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

struct Flags {
  int socket_fd = -1;
  std::int64_t slots = 1;
  std::int64_t threads_per_trial = 1;
  std::string backend = "cpu";
};

std::unique_ptr<engine::Backend> MakeBackend(const Flags& flags) {
  if (flags.backend == "reference") return std::make_unique<engine::reference::ReferenceBackend>();
  return std::make_unique<engine::cpu::CpuBackend>(
      engine::cpu::CpuBackendOptions{.threads = static_cast<int>(flags.threads_per_trial)});
}

int Serve(const Flags& flags) {
  base::ConfigureLogging({.process_name = kName});
  const base::UniqueFd socket(flags.socket_fd);
  const std::unique_ptr<engine::Backend> backend = MakeBackend(flags);
  DatasetCache datasets;
  TrainerServer server(socket.get(),
                       {.backend = backend.get(),
                        .datasets = &datasets,
                        .threads_per_trial = flags.threads_per_trial},
                       flags.slots);
  const absl::Status status = server.Run();
  if (status.ok()) return 0;
  base::LogError("ends with an error", {{"error", status}});
  return kExitFailure;
}

}  // namespace
}  // namespace graft::worker

int main(int argc, char** argv) {
  graft::worker::Flags flags;
  CLI::App app("Runs trials for the graft-worker that starts it; not to be started by hand.",
               graft::worker::kName);
  app.set_version_flag("--version", graft::base::VersionLine(graft::worker::kName));
  app.add_option("--socket-fd", flags.socket_fd, "Inherited descriptor of the socket to the worker")
      ->required()
      ->check(CLI::NonNegativeNumber);
  app.add_option("--slots", flags.slots, "Trials at once")->check(CLI::Range(1, 1024));
  app.add_option("--threads-per-trial", flags.threads_per_trial, "Threads of one trial")
      ->check(CLI::Range(1, 1024));
  app.add_option("--backend", flags.backend, "Engine")->check(CLI::IsMember({"cpu", "reference"}));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : graft::worker::kExitUsage;
  }
  return graft::worker::Serve(flags);
}
