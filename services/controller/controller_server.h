// ControllerServer: core and gRPC put together.
#ifndef GRAFT_SERVICES_CONTROLLER_CONTROLLER_SERVER_H_
#define GRAFT_SERVICES_CONTROLLER_CONTROLLER_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/blob/blob_store.h"
#include "common/metrics/registry.h"
#include "common/rpc/server.h"
#include "services/controller/core/controller.h"
#include "services/controller/core/event_log.h"
#include "services/controller/core/trial_log.h"
#include "services/controller/search_service.h"
#include "services/controller/task_thread.h"
#include "services/controller/trial_service.h"

namespace graft::v1 {
class ControllerConfig;
}

namespace graft::controller {

inline constexpr char kDefaultListen[] = "127.0.0.1:7070";
inline constexpr char kDefaultDatabase[] = "graft-controller.db";

// A controller that serves. Thread-safe.
class ControllerServer final : private ControllerListener {
 public:
  // What it stands on; all must outlive it.
  struct Parts {
    EventLog* log = nullptr;
    TrialLog* trial_log = nullptr;
    blob::BlobStore* store = nullptr;  // for data sets' headers
    const base::Clock* clock = nullptr;
    ExplorerFactory explorers;
  };

  // Replays the log and serves. INVALID_ARGUMENT: a field error of the configuration. Other errors
  // are those of Controller::Open and rpc::Server::Start.
  static absl::StatusOr<std::unique_ptr<ControllerServer>> Start(const v1::ControllerConfig& config,
                                                                 const Parts& parts);
  ~ControllerServer() override;

  // "host:port" with the port that was picked.
  const std::string& address() const { return server_->address(); }
  const metrics::Registry& metrics() const { return metrics_; }

  // Ends waiting calls and watches, refuses new calls and waits for those that run.
  void Drain() { server_->Drain(); }

  // Ends leases and waits that are over by the clock. Called about four times a second by a thread
  // of its own, and by tests that move the clock.
  void Tick();

 private:
  explicit ControllerServer(const Parts& parts)
      : trial_log_(parts.trial_log), clock_(parts.clock) {}
  void OnWork() override;
  void OnSearchChanged(SearchId search) override;
  void OnAttemptFailed(const AttemptEnd& end) override;

  TrialLog* const trial_log_;
  const base::Clock* const clock_;
  metrics::Registry metrics_;
  std::unique_ptr<Controller> controller_;
  std::unique_ptr<SearchService> search_service_;
  std::unique_ptr<TrialService> trial_service_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<TaskThread> log_writer_;
  std::unique_ptr<TaskThread> ticker_;
};

// Limits and durations of a configuration, defaults filled in. INVALID_ARGUMENT: a field error.
absl::StatusOr<ControllerOptions> OptionsFromConfig(const v1::ControllerConfig& config);

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_CONTROLLER_SERVER_H_
