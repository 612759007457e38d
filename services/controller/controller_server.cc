#include "services/controller/controller_server.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/field_error.h"
#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/wire/time_wire.h"
#include "proto/graft/v1/config.pb.h"
#include "services/controller/controller_metrics.h"

namespace graft::controller {
namespace {

constexpr absl::Duration kTickPeriod = absl::Milliseconds(250);
constexpr absl::Duration kMinLease = absl::Seconds(1);
constexpr absl::Duration kMaxLease = absl::Hours(1);

std::vector<rpc::MethodRule> Rules() {
  return {{"/graft.v1.SearchService/", rpc::Role::kUser | rpc::Role::kAdmin},
          // A worker asks where the weight store is.
          {"/graft.v1.SearchService/GetCluster", rpc::Roles::All()},
          {"/graft.v1.TrialService/", rpc::Role::kWorker | rpc::Role::kAdmin}};
}

absl::Status CheckNotNegative(std::string_view field, std::int64_t value) {
  if (value >= 0) return absl::OkStatus();
  return base::InvalidFieldError(field, "must not be negative");
}

}  // namespace

absl::StatusOr<ControllerOptions> OptionsFromConfig(const v1::ControllerConfig& config) {
  ControllerOptions options;
  if (config.has_lease_duration()) {
    const absl::StatusOr<absl::Duration> lease = wire::FromProto(config.lease_duration());
    if (!lease.ok() || *lease < kMinLease || *lease > kMaxLease) {
      return base::InvalidFieldError(
          "lease_duration", absl::StrCat("expected ", absl::FormatDuration(kMinLease), " to ",
                                         absl::FormatDuration(kMaxLease)));
    }
    options.lease_duration = *lease;
  }
  RETURN_IF_ERROR(CheckNotNegative("max_failures", config.max_failures()));
  RETURN_IF_ERROR(CheckNotNegative("max_interruptions", config.max_interruptions()));
  RETURN_IF_ERROR(CheckNotNegative("max_log_lines", config.max_log_lines()));
  if (config.max_failures() != 0) options.max_failures = config.max_failures();
  if (config.max_interruptions() != 0) options.max_interruptions = config.max_interruptions();
  return options;
}

absl::StatusOr<std::unique_ptr<ControllerServer>> ControllerServer::Start(
    const v1::ControllerConfig& config, const Parts& parts) {
  ASSIGN_OR_RETURN(const ControllerOptions options, OptionsFromConfig(config));
  std::unique_ptr<ControllerServer> server(new ControllerServer(parts));
  ASSIGN_OR_RETURN(server->controller_,
                   Controller::Open(options, parts.explorers, parts.log, parts.clock));
  const std::string& store_address = config.public_weight_store().empty()
                                         ? config.weight_store().address()
                                         : config.public_weight_store();
  server->search_service_ = std::make_unique<SearchService>(
      server->controller_.get(), parts.trial_log, parts.store,
      SearchService::Options{.weight_store_address = store_address});
  server->trial_service_ =
      std::make_unique<TrialService>(server->controller_.get(), parts.trial_log, parts.clock);
  server->log_writer_ = std::make_unique<TaskThread>();
  server->controller_->SetListener(server.get());
  PublishMetrics(server->controller_.get(), &server->metrics_);

  ControllerServer* const self = server.get();
  rpc::ServerOptions server_options;
  server_options.services = {server->search_service_.get(), server->trial_service_.get()};
  server_options.rules = Rules();
  server_options.default_listen = kDefaultListen;
  server_options.metrics = &server->metrics_;
  server_options.on_drain = [self] {
    self->trial_service_->Drain();
    self->search_service_->Drain();
  };
  ASSIGN_OR_RETURN(server->server_, rpc::Server::Start(config.server(), server_options));
  server->ticker_ = std::make_unique<TaskThread>([self] { self->Tick(); }, kTickPeriod);
  return server;
}

ControllerServer::~ControllerServer() {
  ticker_.reset();
  server_.reset();  // drains
  if (controller_ != nullptr) controller_->SetListener(nullptr);
}

void ControllerServer::Tick() {
  controller_->Tick();
  trial_service_->Tick();
}

void ControllerServer::OnWork() { trial_service_->OnWork(); }

void ControllerServer::OnSearchChanged(SearchId search) {
  search_service_->OnSearchChanged(search);
}

void ControllerServer::OnAttemptFailed(const AttemptEnd& end) {
  // A worker that reports tells more itself; one that fell silent cannot.
  const bool told = end.failure.reason != trial::FailureReason::kLost;
  const trial::LogEntry closing{
      .line = kClosingLine,
      .time = clock_->Now(),
      .severity = end.queued_again ? trial::LogSeverity::kWarning : trial::LogSeverity::kError,
      .message = absl::StrCat(end.queued_again ? "queued again" : "given up", ": ",
                              base::ToAbsl(ToString(end.failure.reason)), told ? "" : ", ",
                              told ? "" : end.failure.message)};
  log_writer_->Post([this, end, closing] {
    const absl::Status logged = trial_log_->Append(end.attempt, end.worker, {&closing, 1});
    if (!logged.ok()) base::LogWarning("lines of a trial's log are lost", {{"error", logged}});
  });
}

}  // namespace graft::controller
