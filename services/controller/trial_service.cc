#include "services/controller/trial_service.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/field_error.h"
#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "common/rpc/status_conversion.h"
#include "services/controller/wire/lease_wire.h"

namespace graft::controller {
namespace {

constexpr absl::Duration kMaxWait = absl::Minutes(1);

grpc::Status Draining() { return {grpc::StatusCode::UNAVAILABLE, "the controller drains"}; }

}  // namespace

// A LeaseTrials call. Deletes itself when gRPC is done with it.
class TrialService::LeaseCall final : public grpc::ServerUnaryReactor {
 public:
  LeaseCall(TrialService* service, LeaseRequest request, absl::Time deadline,
            v1::LeaseTrialsResponse* response)
      : service_(service), request_(std::move(request)), deadline_(deadline), response_(response) {}

  const LeaseRequest& request() const { return request_; }
  absl::Time deadline() const { return deadline_; }
  v1::LeaseTrialsResponse* response() { return response_; }

  void OnCancel() override { service_->Forget(*this); }
  void OnDone() override { delete this; }

  // Guarded by the service's mutex.
  bool cancelled = false;

 private:
  TrialService* const service_;
  const LeaseRequest request_;
  const absl::Time deadline_;
  v1::LeaseTrialsResponse* const response_;
};

TrialService::TrialService(Controller* controller, TrialLog* log, const base::Clock* clock)
    : controller_(controller), log_(log), clock_(clock) {}

TrialService::~TrialService() = default;

grpc::ServerUnaryReactor* TrialService::LeaseTrials(grpc::CallbackServerContext* context,
                                                    const v1::LeaseTrialsRequest* request,
                                                    v1::LeaseTrialsResponse* response) {
  const absl::StatusOr<LeaseRequest> parsed = LeaseRequestFromProto(*request);
  const absl::StatusOr<absl::Duration> wait = WaitFromProto(*request, kMaxWait);
  if (!parsed.ok() || !wait.ok()) {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(rpc::ToGrpc(parsed.ok() ? wait.status() : parsed.status()));
    return reactor;
  }
  auto* call = new LeaseCall(this, *parsed, clock_->Now() + *wait, response);
  std::int64_t epoch = 0;
  do {
    {
      base::MutexLock lock(&mutex_);
      epoch = epoch_;
    }
    if (TryLease(*call)) return call;
  } while (!Enqueue(*call, epoch));
  return call;
}

bool TrialService::TryLease(LeaseCall& call) {
  const absl::StatusOr<std::vector<LeaseView>> leases = controller_->LeaseTrials(call.request());
  if (!leases.ok()) {
    call.Finish(rpc::ToGrpc(leases.status()));
    return true;
  }
  if (leases->empty() && clock_->Now() < call.deadline()) return false;
  for (const LeaseView& lease : *leases) {
    *call.response()->add_leases() = ToProto(lease, controller_->lease_duration());
  }
  call.Finish(grpc::Status::OK);
  return true;
}

bool TrialService::Enqueue(LeaseCall& call, std::int64_t epoch) {
  grpc::Status status;
  {
    base::MutexLock lock(&mutex_);
    if (!draining_ && !call.cancelled) {
      if (epoch != epoch_) return false;
      waiting_[call.request().worker.numerics_class].push_back(&call);
      return true;
    }
    status = draining_ ? Draining() : grpc::Status::CANCELLED;
  }
  call.Finish(status);
  return true;
}

void TrialService::OnWork() {
  {
    base::MutexLock lock(&mutex_);
    ++epoch_;
    if (waiting_.empty()) return;
  }
  thread_.Post([this] { ServeWaiting(); });
}

void TrialService::ServeWaiting() {
  std::vector<std::string> classes;
  {
    base::MutexLock lock(&mutex_);
    for (const auto& [numerics_class, calls] : waiting_) classes.push_back(numerics_class);
  }
  for (const std::string& numerics_class : classes) ServeWaiting(numerics_class);
}

void TrialService::ServeWaiting(const std::string& numerics_class) {
  while (true) {
    LeaseCall* call = nullptr;
    {
      base::MutexLock lock(&mutex_);
      const auto calls = waiting_.find(numerics_class);
      if (calls == waiting_.end()) return;
      call = calls->second.front();
      calls->second.pop_front();
      if (calls->second.empty()) waiting_.erase(calls);
    }
    if (TryLease(*call)) continue;
    // Nothing is left for this class: the call keeps its turn, unless its client has gone.
    grpc::Status status;
    {
      base::MutexLock lock(&mutex_);
      if (!draining_ && !call->cancelled) {
        waiting_[numerics_class].push_front(call);
        return;
      }
      status = draining_ ? Draining() : grpc::Status::CANCELLED;
    }
    call->Finish(status);
  }
}

void TrialService::Forget(LeaseCall& call) {
  {
    base::MutexLock lock(&mutex_);
    call.cancelled = true;
    const auto calls = waiting_.find(call.request().worker.numerics_class);
    if (calls == waiting_.end()) return;
    const auto found = std::find(calls->second.begin(), calls->second.end(), &call);
    if (found == calls->second.end()) return;
    calls->second.erase(found);
    if (calls->second.empty()) waiting_.erase(calls);
  }
  call.Finish(grpc::Status::CANCELLED);
}

void TrialService::Tick() {
  const absl::Time now = clock_->Now();
  std::vector<LeaseCall*> over;
  {
    base::MutexLock lock(&mutex_);
    for (auto& [numerics_class, calls] : waiting_) {
      calls.remove_if([&](LeaseCall* call) {
        if (call->deadline() > now) return false;
        over.push_back(call);
        return true;
      });
    }
    std::erase_if(waiting_, [](const auto& entry) { return entry.second.empty(); });
  }
  for (LeaseCall* call : over) call->Finish(grpc::Status::OK);
}

void TrialService::Drain() {
  std::map<std::string, Waiting> waiting;
  {
    base::MutexLock lock(&mutex_);
    draining_ = true;
    waiting.swap(waiting_);
  }
  for (auto& [numerics_class, calls] : waiting) {
    for (LeaseCall* call : calls) call->Finish(Draining());
  }
}

grpc::ServerUnaryReactor* TrialService::Heartbeat(grpc::CallbackServerContext* context,
                                                  const v1::HeartbeatRequest* request,
                                                  v1::HeartbeatResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const auto beat = [&]() -> absl::StatusOr<std::vector<Directive>> {
    ASSIGN_OR_RETURN(const std::vector<LeaseStatus> leases, LeaseStatusesFromProto(*request));
    ASSIGN_OR_RETURN(std::vector<Directive> directives,
                     controller_->Heartbeat(WorkerInfoFromProto(request->worker()), leases));
    // Of leases that are to stop, too: their lines tell what happened.
    for (std::size_t i = 0; i < leases.size(); ++i) {
      Log(leases[i].attempt, request->worker().name(), request->leases(static_cast<int>(i)).log());
    }
    return directives;
  };
  const absl::StatusOr<std::vector<Directive>> directives = beat();
  if (directives.ok()) {
    *response = HeartbeatResponseToProto(*request, *directives, controller_->heartbeat_interval());
  }
  reactor->Finish(rpc::ToGrpc(directives.status()));
  return reactor;
}

grpc::ServerUnaryReactor* TrialService::ReportTrial(grpc::CallbackServerContext* context,
                                                    const v1::ReportTrialRequest* request,
                                                    v1::ReportTrialResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const absl::StatusOr<Report> report = ReportFromProto(*request);
  absl::Status status = report.status();
  if (report.ok()) {
    status = controller_->ReportTrial(report->worker, report->attempt, report->outcome);
    // What a late attempt tells is worth reading, too.
    if (!absl::IsInvalidArgument(status)) Log(report->attempt, report->worker, request->log());
  }
  reactor->Finish(rpc::ToGrpc(status));
  return reactor;
}

void TrialService::Log(const Attempt& attempt, const std::string& worker,
                       const google::protobuf::RepeatedPtrField<v1::TrialLogEntry>& lines) {
  if (lines.empty() || !controller_->IsKnown(attempt)) return;
  const absl::Status logged = log_->Append(attempt, worker, LogFromProto(lines));
  if (!logged.ok()) base::LogWarning("lines of a trial's log are lost", {{"error", logged}});
}

}  // namespace graft::controller
