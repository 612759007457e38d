// graft-worker: leases trials from a controller and runs them in its trainer.
#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "common/metrics/endpoint.h"
#include "common/metrics/registry.h"
#include "common/rpc/retry.h"
#include "common/rpc/service_main.h"
#include "proto/graft/v1/config.pb.h"
#include "services/worker/worker.h"

namespace graft::worker {
namespace {

constexpr char kDefaultController[] = "127.0.0.1:7070";

absl::StatusOr<std::unique_ptr<metrics::Endpoint>> ServeMetrics(const v1::WorkerConfig& config,
                                                                const metrics::Registry& registry) {
  if (config.metrics_listen().empty()) return nullptr;
  ASSIGN_OR_RETURN(std::unique_ptr<metrics::Endpoint> endpoint,
                   metrics::Endpoint::Start(config.metrics_listen(), registry));
  if (!config.port_file().empty()) {
    RETURN_IF_ERROR(base::WriteFileDurably(config.port_file(),
                                           absl::StrCat("metrics=", endpoint->address(), "\n")));
  }
  return endpoint;
}

// A worker that is up, with its metrics.
struct Started {
  std::unique_ptr<Worker> worker;
  std::unique_ptr<metrics::Endpoint> endpoint;
};

absl::StatusOr<Started> Start(const v1::WorkerConfig& config, rpc::InterruptibleSleeper* sleeper,
                              metrics::Registry* registry) {
  Started started;
  ASSIGN_OR_RETURN(started.worker, Worker::Start(config, sleeper, registry));
  ASSIGN_OR_RETURN(started.endpoint, ServeMetrics(config, *registry));
  return started;
}

absl::Status Work(const v1::WorkerConfig& file, rpc::ShutdownSignal* signal) {
  ASSIGN_OR_RETURN(const v1::WorkerConfig config, WithDefaults(file));
  metrics::Registry registry;
  rpc::InterruptibleSleeper sleeper;
  // In a thread of its own: it waits for the controller, and a signal must end that, too.
  std::atomic<bool> up = false;
  std::future<absl::StatusOr<Started>> starting = std::async(std::launch::async, [&] {
    absl::StatusOr<Started> started = Start(config, &sleeper, &registry);
    up = started.ok();
    if (!started.ok()) signal->Trigger();
    return started;
  });
  const std::string reason = signal->Wait();
  const bool failed = reason == "trigger";
  if (!up && !failed) sleeper.Interrupt();
  absl::StatusOr<Started> started = starting.get();
  if (failed) return started.status();
  base::LogInfo("handing trials back", {{"signal", reason}});
  if (started.ok()) started->worker->Stop();
  return absl::OkStatus();
}

}  // namespace
}  // namespace graft::worker

int main(int argc, char** argv) {
  graft::v1::WorkerConfig config;
  config.mutable_controller()->set_address(graft::worker::kDefaultController);
  graft::rpc::ServiceProgram program;
  program.name = "graft-worker";
  program.description = "Leases trials from a controller and trains them.";
  program.config = &config;
  program.overrides = {
      {"--name", "name", "Name, unique among workers"},
      {"--controller", "controller.address", "Address of the controller, host:port"},
      {"--weight-store", "weight_store.address", "Address of the weight store, host:port"},
      {"--directory", "directory", "Folder of the cache"},
      {"--slots", "slots", "Trials at once; 0: one a core"},
      {"--metrics-listen", "metrics_listen", "Address of the Prometheus endpoint"},
      {"--port-file", "port_file", "File into which the metrics address is written"},
  };
  program.run = [&config](graft::rpc::ShutdownSignal* signal) {
    return graft::worker::Work(config, signal);
  };
  return graft::rpc::ServiceMain(argc, argv, program);
}
