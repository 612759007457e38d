// graft-controller: runs searches and hands their trials to workers.
#include <memory>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/field_error.h"
#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "common/rpc/client.h"
#include "common/rpc/remote_blob_store.h"
#include "common/rpc/service_main.h"
#include "proto/graft/v1/config.pb.h"
#include "services/controller/controller_server.h"
#include "services/controller/core/policy_session.h"
#include "services/controller/replay_main.h"
#include "services/controller/storage/sqlite_event_log.h"
#include "services/controller/storage/sqlite_trial_log.h"

namespace graft::controller {
namespace {

// After the name of the database file.
constexpr char kTrialLogSuffix[] = ".logs";

absl::StatusOr<std::unique_ptr<SqliteTrialLog>> OpenTrialLog(const v1::ControllerConfig& config,
                                                             SqliteEventLog& events) {
  SqliteTrialLog::Options options{.path = config.database() + kTrialLogSuffix};
  if (config.max_log_lines() > 0) options.max_lines = config.max_log_lines();
  ASSIGN_OR_RETURN(std::unique_ptr<SqliteTrialLog> log, SqliteTrialLog::OpenOrReplace(options));
  // Beside a new database, lines are of trials that it does not know, under the same keys.
  ASSIGN_OR_RETURN(const bool is_new, events.IsEmpty());
  if (is_new) RETURN_IF_ERROR(log->Clear());
  return log;
}

absl::Status Serve(const v1::ControllerConfig& config, rpc::ShutdownSignal* signal) {
  if (config.weight_store().address().empty()) {
    return base::InvalidFieldError("weight_store.address", "is missing");
  }
  ASSIGN_OR_RETURN(const auto channel, rpc::MakeChannel(config.weight_store()));
  rpc::RemoteBlobStore store(channel, {});
  ASSIGN_OR_RETURN(const std::unique_ptr<SqliteEventLog> log,
                   SqliteEventLog::Open(config.database()));
  ASSIGN_OR_RETURN(const std::unique_ptr<SqliteTrialLog> trial_log, OpenTrialLog(config, *log));
  ASSIGN_OR_RETURN(const std::unique_ptr<ControllerServer> server,
                   ControllerServer::Start(config, {.log = log.get(),
                                                    .trial_log = trial_log.get(),
                                                    .store = &store,
                                                    .clock = &base::RealClock(),
                                                    .explorers = MakeExplorer}));
  base::LogInfo("draining", {{"signal", signal->Wait()}});
  server->Drain();
  return absl::OkStatus();
}

}  // namespace
}  // namespace graft::controller

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "replay") {
    return graft::controller::ReplayMain(argc - 1, argv + 1);
  }
  graft::v1::ControllerConfig config;
  config.mutable_server()->set_listen(graft::controller::kDefaultListen);
  config.set_database(graft::controller::kDefaultDatabase);
  graft::rpc::ServiceProgram program;
  program.name = "graft-controller";
  program.description = "Runs the searches of a Graft cluster and leases their trials to workers.";
  program.config = &config;
  program.overrides = {
      {"--listen", "server.listen", "Address to listen on, host:port"},
      {"--metrics-listen", "server.metrics_listen", "Address of the Prometheus endpoint"},
      {"--port-file", "server.port_file", "File into which the addresses are written"},
      {"--database", "database", "SQLite database file"},
      {"--weight-store", "weight_store.address", "Address of the weight store, host:port"},
  };
  program.run = [&config](graft::rpc::ShutdownSignal* signal) {
    return graft::controller::Serve(config, signal);
  };
  return graft::rpc::ServiceMain(argc, argv, program);
}
