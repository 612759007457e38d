// graft-trainer: runs trials for the graft-worker that started it, in a process of its own, and
// predictions for `graft evaluate`.
#include <google/protobuf/util/json_util.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/fd.h"
#include "common/base/file.h"
#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/engine/cpu/cpu_backend.h"
#include "common/engine/cpu/tune.h"
#include "common/engine/reference/reference_backend.h"
#include "services/worker/trainer/dataset_cache.h"
#include "services/worker/trainer/prediction_job.h"
#include "services/worker/trainer/trainer_server.h"

namespace graft::worker {
namespace {

constexpr char kName[] = "graft-trainer";
constexpr char kEvaluate[] = "evaluate";
constexpr char kTune[] = "tune";
constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

struct Flags {
  int socket_fd = -1;
  std::int64_t slots = 1;
  std::int64_t threads_per_trial = 1;
  std::int64_t trial_memory_bytes = 0;
  std::string kernel_table;
  std::string backend = "cpu";
};

struct EvaluateFlags {
  std::string job;
  std::string report;
};

struct TuneFlags {
  std::string table;
  int rounds = engine::cpu::TuneOptions().rounds;
};

absl::StatusOr<engine::cpu::KernelTable> LoadKernelTable(const std::string& path) {
  if (path.empty()) return engine::cpu::KernelTable::Default();
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path));
  absl::StatusOr<engine::cpu::KernelTable> table = engine::cpu::KernelTable::Parse(text);
  if (table.ok()) return table;
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": ", table.status().message(), "; `graft tune` writes such files"));
}

absl::StatusOr<std::unique_ptr<engine::Backend>> MakeBackend(const Flags& flags) {
  if (flags.backend == "reference") return std::make_unique<engine::reference::ReferenceBackend>();
  ASSIGN_OR_RETURN(const engine::cpu::KernelTable kernels, LoadKernelTable(flags.kernel_table));
  return std::make_unique<engine::cpu::CpuBackend>(
      engine::cpu::CpuBackendOptions{.threads = static_cast<int>(flags.threads_per_trial),
                                     .memory_limit_bytes = flags.trial_memory_bytes,
                                     .kernels = kernels});
}

int Serve(const Flags& flags) {
  base::ConfigureLogging({.process_name = kName});
  const base::UniqueFd socket(flags.socket_fd);
  const absl::StatusOr<std::unique_ptr<engine::Backend>> backend = MakeBackend(flags);
  if (!backend.ok()) {
    base::LogError("cannot start", {{"error", backend.status()}});
    return kExitFailure;
  }
  DatasetCache datasets;
  TrainerServer server(socket.get(),
                       {.backend = backend->get(),
                        .datasets = &datasets,
                        .threads_per_trial = flags.threads_per_trial},
                       flags.slots);
  const absl::Status status = server.Run();
  if (status.ok()) return 0;
  base::LogError("ends with an error", {{"error", status}});
  return kExitFailure;
}

// One report of one job; what is wrong with the job is part of the report.
int Evaluate(const Flags& flags, const EvaluateFlags& files) {
  base::ConfigureLogging({.process_name = kName, .minimum_level = base::LogLevel::kError});
  const auto run = [&]() -> absl::StatusOr<v1::PredictionReport> {
    ASSIGN_OR_RETURN(const std::unique_ptr<engine::Backend> backend, MakeBackend(flags));
    ASSIGN_OR_RETURN(const std::string text, base::ReadFile(files.job));
    v1::PredictionJob job;
    if (!google::protobuf::util::JsonStringToMessage(text, &job).ok()) {
      return absl::InvalidArgumentError(absl::StrCat(files.job, " is not a PredictionJob"));
    }
    return RunPredictionJob(*backend, job);
  };
  const absl::StatusOr<v1::PredictionReport> done = run();
  v1::PredictionReport report;
  if (done.ok()) {
    report = *done;
  } else {
    report.set_error(std::string(done.status().message()));
    report.set_error_code(static_cast<int>(done.status().code()));
  }
  std::string text;
  GRAFT_CHECK(google::protobuf::util::MessageToJsonString(report, &text).ok());
  const absl::Status written = base::WriteFileDurably(files.report, text);
  if (written.ok()) return 0;
  std::cerr << kName << ": " << written << "\n";
  return kExitFailure;
}

int Tune(const Flags& flags, const TuneFlags& tune) {
  const auto run = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const engine::cpu::KernelTable table,
                     engine::cpu::TuneKernels({.threads = static_cast<int>(flags.threads_per_trial),
                                               .rounds = tune.rounds},
                                              [](double done) {
                                                std::cerr << "\rmeasured "
                                                          << static_cast<int>(100 * done) << " %"
                                                          << (done < 1 ? "" : "\n") << std::flush;
                                              }));
    return base::WriteFileDurably(tune.table, table.ToText());
  };
  const absl::Status status = run();
  if (status.ok()) return 0;
  std::cerr << kName << ": " << status.message() << "\n";
  return kExitFailure;
}

void AddTrainerOptions(CLI::App& app, Flags& flags) {
  app.add_option("--socket-fd", flags.socket_fd, "Inherited descriptor of the socket to the worker")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--slots", flags.slots, "Trials at once")->check(CLI::Range(1, 1024));
  app.add_option("--threads-per-trial", flags.threads_per_trial, "Threads of one trial")
      ->check(CLI::Range(1, 1024));
  app.add_option("--trial-memory-bytes", flags.trial_memory_bytes,
                 "Memory of one trial; 0: no limit")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--kernel-table", flags.kernel_table, "File with the fastest kernels");
  app.add_option("--backend", flags.backend, "Engine")->check(CLI::IsMember({"cpu", "reference"}));
}

int Main(int argc, char** argv) {
  Flags flags;
  EvaluateFlags files;
  TuneFlags tuned;
  CLI::App app("Runs trials for the graft-worker that starts it; not to be started by hand.",
               kName);
  app.set_version_flag("--version", base::VersionLine(kName));
  AddTrainerOptions(app, flags);
  CLI::App* evaluate = app.add_subcommand(kEvaluate, "Writes a network's predictions for images");
  evaluate->fallthrough();
  evaluate->add_option("job", files.job, "graft.v1.PredictionJob in JSON")->required();
  evaluate->add_option("report", files.report, "File for the PredictionReport")->required();
  CLI::App* tune = app.add_subcommand(kTune, "Measures which kernels are fastest here");
  tune->fallthrough();
  tune->add_option("table", tuned.table, "File for the kernel table")->required();
  tune->add_option("--rounds", tuned.rounds, "Measurements of each kernel")
      ->check(CLI::Range(1, 1000));
  try {
    app.parse(argc, argv);
    if (!*evaluate && !*tune && flags.socket_fd < 0) throw CLI::RequiredError("--socket-fd");
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  if (*tune) return Tune(flags, tuned);
  return *evaluate ? Evaluate(flags, files) : Serve(flags);
}

}  // namespace
}  // namespace graft::worker

int main(int argc, char** argv) { return graft::worker::Main(argc, argv); }
