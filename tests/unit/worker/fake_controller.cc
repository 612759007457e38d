#include "tests/unit/worker/fake_controller.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/check.h"

namespace graft::worker {
namespace {

// How often a waiting call looks whether its client has gone.
constexpr absl::Duration kCancelCheck = absl::Milliseconds(20);
constexpr std::int32_t kHeartbeatNanos = 20'000'000;

}  // namespace

class FakeController::Trials final : public v1::TrialService::Service {
 public:
  explicit Trials(FakeController* fake) : fake_(fake) {}

  grpc::Status LeaseTrials(grpc::ServerContext* context, const v1::LeaseTrialsRequest* request,
                           v1::LeaseTrialsResponse* response) override {
    const absl::Time deadline = absl::Now() + absl::Seconds(request->wait().seconds());
    base::MutexLock lock(&fake_->mutex_);
    while (fake_->queue_.empty() && !fake_->stopped_ && !context->IsCancelled() &&
           absl::Now() < deadline) {
      fake_->changed_.WaitFor(&fake_->mutex_, kCancelCheck);
    }
    if (fake_->stopped_) return {grpc::StatusCode::UNAVAILABLE, "stopped"};
    if (context->IsCancelled()) return grpc::Status::CANCELLED;
    while (!fake_->queue_.empty() && response->leases_size() < request->slots()) {
      *response->add_leases() = std::move(fake_->queue_.front());
      fake_->queue_.pop_front();
    }
    return grpc::Status::OK;
  }

  grpc::Status Heartbeat(grpc::ServerContext*, const v1::HeartbeatRequest* request,
                         v1::HeartbeatResponse* response) override {
    base::MutexLock lock(&fake_->mutex_);
    ++fake_->heartbeats_;
    if (fake_->heartbeats_to_refuse_ > 0) {
      --fake_->heartbeats_to_refuse_;
      return {grpc::StatusCode::UNAVAILABLE, "refused by the test"};
    }
    if (request->leases().empty()) fake_->last_idle_ = fake_->heartbeats_;
    for (const v1::LeaseStatus& lease : request->leases()) {
      fake_->epochs_[{lease.trial(), lease.attempt()}] = lease.epochs_done();
      fake_->last_held_[{lease.trial(), lease.attempt()}] = fake_->heartbeats_;
      fake_->KeepLines(lease.trial(), lease.attempt(), lease.log());
      v1::LeaseDirective& directive = *response->add_directives();
      directive.set_trial(lease.trial());
      directive.set_attempt(lease.attempt());
      directive.set_directive(v1::DIRECTIVE_CONTINUE);
      for (const std::int64_t attempt : {kEveryAttempt, lease.attempt()}) {
        const auto set = fake_->directives_.find({lease.trial(), attempt});
        if (set != fake_->directives_.end()) directive.set_directive(set->second);
      }
    }
    response->mutable_interval()->set_nanos(kHeartbeatNanos);
    fake_->changed_.SignalAll();
    return grpc::Status::OK;
  }

  grpc::Status ReportTrial(grpc::ServerContext*, const v1::ReportTrialRequest* request,
                           v1::ReportTrialResponse*) override {
    base::MutexLock lock(&fake_->mutex_);
    if (fake_->to_refuse_ > 0) {
      --fake_->to_refuse_;
      ++fake_->refused_;
      return {fake_->refusal_, "refused by the test"};
    }
    fake_->KeepLines(request->trial(), request->attempt(), request->log());
    fake_->reports_.push_back(*request);
    fake_->changed_.SignalAll();
    return grpc::Status::OK;
  }

 private:
  FakeController* const fake_;
};

class FakeController::Searches final : public v1::SearchService::Service {
 public:
  explicit Searches(std::string weight_store) : weight_store_(std::move(weight_store)) {}

  grpc::Status GetCluster(grpc::ServerContext*, const v1::GetClusterRequest*,
                          v1::Cluster* response) override {
    response->set_weight_store(weight_store_);
    return grpc::Status::OK;
  }

 private:
  const std::string weight_store_;
};

FakeController::FakeController(std::string weight_store)
    : weight_store_(std::move(weight_store)),
      trials_(std::make_unique<Trials>(this)),
      searches_(std::make_unique<Searches>(weight_store_)) {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(trials_.get());
  builder.RegisterService(searches_.get());
  server_ = builder.BuildAndStart();
  GRAFT_CHECK(server_ != nullptr);
  address_ = absl::StrCat("127.0.0.1:", port);
}

FakeController::~FakeController() { Stop(); }

void FakeController::Stop() {
  {
    base::MutexLock lock(&mutex_);
    stopped_ = true;
    changed_.SignalAll();
  }
  server_->Shutdown(std::chrono::system_clock::now());
}

void FakeController::Enqueue(const v1::Lease& lease) {
  base::MutexLock lock(&mutex_);
  queue_.push_back(lease);
  changed_.SignalAll();
}

void FakeController::SetDirective(const std::string& trial, v1::Directive directive,
                                  std::int64_t attempt) {
  base::MutexLock lock(&mutex_);
  directives_[{trial, attempt}] = directive;
}

void FakeController::RefuseReports(int count, grpc::StatusCode code) {
  base::MutexLock lock(&mutex_);
  to_refuse_ = count;
  refusal_ = code;
}

v1::ReportTrialRequest FakeController::AwaitReport(const std::string& trial, std::int64_t attempt) {
  base::MutexLock lock(&mutex_);
  while (true) {
    const auto found = std::find_if(reports_.begin(), reports_.end(), [&](const auto& report) {
      return report.trial() == trial && report.attempt() == attempt;
    });
    if (found != reports_.end()) return *found;
    changed_.Wait(&mutex_);
  }
}

void FakeController::AwaitEpochs(const std::string& trial, std::int64_t epochs,
                                 std::int64_t attempt) {
  base::MutexLock lock(&mutex_);
  while (epochs_[{trial, attempt}] < epochs) changed_.Wait(&mutex_);
}

void FakeController::AwaitIdle() {
  base::MutexLock lock(&mutex_);
  const std::int64_t before = heartbeats_;
  while (last_idle_ <= before) changed_.Wait(&mutex_);
}

void FakeController::AwaitGone(const std::string& trial, std::int64_t attempt) {
  base::MutexLock lock(&mutex_);
  const std::int64_t before = heartbeats_;
  while (heartbeats_ == before || last_held_[{trial, attempt}] == heartbeats_) {
    changed_.Wait(&mutex_);
  }
}

void FakeController::AwaitDirectives() {
  base::MutexLock lock(&mutex_);
  // The worker sends a heartbeat after it has acted on the answer to the one before.
  const std::int64_t enough = heartbeats_ + 2;
  while (heartbeats_ < enough) changed_.Wait(&mutex_);
}

std::vector<v1::ReportTrialRequest> FakeController::reports() const {
  base::MutexLock lock(&mutex_);
  return reports_;
}

void FakeController::KeepLines(const std::string& trial, std::int64_t attempt,
                               const google::protobuf::RepeatedPtrField<v1::TrialLogEntry>& lines) {
  auto& log = log_[{trial, attempt}];
  for (const v1::TrialLogEntry& line : lines) {
    if (log.empty() || line.line() > log.back().line()) log.push_back(line);
  }
}

void FakeController::RefuseHeartbeats(int count) {
  base::MutexLock lock(&mutex_);
  heartbeats_to_refuse_ = count;
}

std::vector<v1::TrialLogEntry> FakeController::log(const std::string& trial,
                                                   std::int64_t attempt) const {
  base::MutexLock lock(&mutex_);
  const auto found = log_.find({trial, attempt});
  return found == log_.end() ? std::vector<v1::TrialLogEntry>() : found->second;
}

int FakeController::refused_reports() const {
  base::MutexLock lock(&mutex_);
  return refused_;
}

}  // namespace graft::worker
