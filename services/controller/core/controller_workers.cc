// The controller's side towards workers: leases, heartbeats, reports.
#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/field_error.h"
#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "services/controller/core/controller.h"
#include "services/controller/core/controller_transaction.h"

namespace graft::controller {
namespace {

constexpr std::size_t kMaxWorkerTextBytes = 128;
constexpr std::size_t kMaxNumericsClassBytes = 1024;
constexpr std::int64_t kMaxSlots = 1024;
constexpr std::size_t kMaxCachedWeights = 1000;

absl::Status CheckText(std::string_view field, std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes && base::IsValidUtf8(text)) return absl::OkStatus();
  return base::InvalidFieldError(field,
                                 absl::StrCat("expected at most ", max_bytes, " bytes of UTF-8"));
}

// Names are printed to terminals.
absl::Status CheckWorkerName(std::string_view field, std::string_view name) {
  if (name.empty()) return base::InvalidFieldError(field, "is missing");
  RETURN_IF_ERROR(CheckText(field, name, kMaxWorkerTextBytes));
  if (base::SingleLine(name, name.size()) == name) return absl::OkStatus();
  return base::InvalidFieldError(field, "has control characters");
}

absl::Status CheckWorker(const WorkerInfo& worker) {
  RETURN_IF_ERROR(CheckWorkerName("worker.name", worker.name));
  RETURN_IF_ERROR(CheckText("worker.host", worker.host, kMaxNumericsClassBytes));
  if (worker.threads < 1) return base::InvalidFieldError("worker.threads", "is negative");
  RETURN_IF_ERROR(CheckText("worker.version", worker.version, kMaxWorkerTextBytes));
  return CheckText("worker.numerics_class", worker.numerics_class, kMaxNumericsClassBytes);
}

absl::Status CheckLeaseRequest(const LeaseRequest& request) {
  RETURN_IF_ERROR(CheckWorker(request.worker));
  if (request.worker.numerics_class.empty()) {
    return base::InvalidFieldError("worker.numerics_class", "is missing");
  }
  RETURN_IF_ERROR(CheckText("request_id", request.request_id, kMaxWorkerTextBytes));
  if (request.slots < 1 || request.slots > kMaxSlots) {
    return base::InvalidFieldError(
        "slots", absl::StrCat("is ", request.slots, ", expected 1 to ", kMaxSlots));
  }
  if (request.cached_weights.size() > kMaxCachedWeights) {
    return base::InvalidFieldError("cached_digests",
                                   absl::StrCat("expected at most ", kMaxCachedWeights));
  }
  return absl::OkStatus();
}

bool SameOutcome(const Evaluation& evaluation, const trial::TrialResult& result) {
  return evaluation.result != nullptr && evaluation.result->weights == result.weights &&
         evaluation.result->measurement.metrics == result.measurement.metrics;
}

bool SameOutcome(const Evaluation& evaluation, const trial::Failure& failure) {
  return evaluation.result == nullptr && evaluation.failure.has_value() &&
         evaluation.failure->reason == failure.reason;
}

}  // namespace

absl::Duration Controller::heartbeat_interval() const { return options_.lease_duration / 10; }

absl::StatusOr<std::vector<LeaseView>> Controller::LeaseTrials(const LeaseRequest& request) {
  RETURN_IF_ERROR(CheckLeaseRequest(request));
  Transaction transaction(this);
  const absl::Time now = clock_->Now();
  ExpireLeases(now);
  Worker& worker = workers_.Hear(request.worker, now);
  if (!request.request_id.empty() && request.request_id == worker.lease_request) {
    // Once none of them is current any more, the question is a new one.
    std::vector<LeaseView> again = LeaseViews(worker.granted);
    if (!again.empty()) return again;
  }
  PinSearches(request.worker);
  Advance();

  const auto running = [this](SearchId id) {
    mutex_.AssertHeld();
    return state_.FindSearch(id)->trials_by_state[static_cast<int>(TrialState::kLeased)];
  };
  std::vector<Event> events;
  std::vector<Attempt> granted;
  for (const digest::TrialKey& key :
       state_.queue().Next(request.worker.numerics_class, request.cached_weights,
                           static_cast<std::size_t>(request.slots), running)) {
    const Attempt attempt{.key = key, .number = state_.FindEvaluation(key)->attempt + 1};
    granted.push_back(attempt);
    events.push_back(
        EvaluationLeased{.key = key, .attempt = attempt.number, .worker = request.worker.name});
  }
  if (!events.empty()) RETURN_IF_ERROR(Commit(std::move(events)));
  std::erase_if(worker.attempts, [&](const Attempt& attempt) {
    mutex_.AssertHeld();
    return !IsCurrent(attempt, request.worker.name);
  });
  worker.attempts.insert(worker.attempts.end(), granted.begin(), granted.end());
  // An empty answer is not remembered: a waiting call asks again with the same id.
  if (!granted.empty()) {
    worker.lease_request = request.request_id;
    worker.granted = granted;
  }
  return LeaseViews(granted);
}

std::vector<LeaseView> Controller::LeaseViews(const std::vector<Attempt>& attempts) const {
  std::vector<LeaseView> leases;
  for (const Attempt& attempt : attempts) {
    const Evaluation* evaluation = state_.FindEvaluation(attempt.key);
    if (!IsCurrent(attempt, evaluation->worker)) continue;
    leases.push_back(
        {.attempt = attempt, .spec = evaluation->spec, .trial = evaluation->first_trial});
  }
  return leases;
}

bool Controller::IsCurrent(const Attempt& attempt, std::string_view worker) const {
  const Evaluation* evaluation = state_.FindEvaluation(attempt.key);
  return evaluation != nullptr && evaluation->state == TrialState::kLeased &&
         evaluation->attempt == attempt.number && evaluation->worker == worker;
}

bool Controller::IsKnown(const Attempt& attempt) const {
  base::MutexLock lock(&mutex_);
  const Evaluation* evaluation = state_.FindEvaluation(attempt.key);
  return evaluation != nullptr && attempt.number >= 1 && attempt.number <= evaluation->attempt;
}

void Controller::PinSearches(const WorkerInfo& worker) {
  const std::set<SearchId> pending = state_.pending_searches();
  for (const SearchId id : pending) {
    if (!CanBegin(worker, *state_.FindSearch(id)->spec)) continue;
    const absl::Status status =
        Commit({SearchPinned{.search = id, .numerics_class = worker.numerics_class}});
    if (!status.ok()) {
      base::LogError("a search was not begun", {{"search", ToString(id)}, {"error", status}});
    }
  }
}

void Controller::ExpireLeases(absl::Time now) {
  while (const std::optional<digest::TrialKey> key = leases_.NextExpired(now)) {
    const Evaluation& evaluation = *state_.FindEvaluation(*key);
    const trial::Failure lost{
        .reason = trial::FailureReason::kLost,
        .message = absl::StrCat("worker ", evaluation.worker, " fell silent for ",
                                absl::FormatDuration(options_.lease_duration))};
    const absl::Status status = End(evaluation, lost);
    if (!status.ok()) {
      base::LogError("an expired lease was not ended; it is tried again", {{"error", status}});
      return;
    }
  }
}

Event Controller::FailureEvent(const Evaluation& evaluation, const trial::Failure& failure) const {
  if (IsDeterministic(failure.reason)) {
    return EvaluationFailed{
        .key = evaluation.key, .attempt = evaluation.attempt, .failure = failure};
  }
  const bool interruption = IsInterruption(failure.reason);
  const std::int64_t count = (interruption ? evaluation.interruptions : evaluation.failures) + 1;
  const std::int64_t limit = interruption ? options_.max_interruptions : options_.max_failures;
  if (failure.reason == trial::FailureReason::kPreempted || count < limit) {
    return EvaluationRequeued{
        .key = evaluation.key, .attempt = evaluation.attempt, .failure = failure};
  }
  const std::string message =
      absl::StrCat("given up after ", count, interruption ? " interrupted" : " failed",
                   " attempts, the last: ", failure.message);
  return EvaluationFailed{.key = evaluation.key,
                          .attempt = evaluation.attempt,
                          .failure = {.reason = failure.reason, .message = message}};
}

absl::Status Controller::End(const Evaluation& evaluation, const Outcome& outcome) {
  const auto* failure = std::get_if<trial::Failure>(&outcome);
  if (failure == nullptr) {
    return Commit({EvaluationCompleted{.key = evaluation.key,
                                       .attempt = evaluation.attempt,
                                       .result = std::make_shared<const trial::TrialResult>(
                                           std::get<trial::TrialResult>(outcome))}});
  }
  const Event event = FailureEvent(evaluation, *failure);
  AttemptEnd end{.attempt = {.key = evaluation.key, .number = evaluation.attempt},
                 .worker = evaluation.worker,
                 .failure = *failure,
                 .queued_again = std::holds_alternative<EvaluationRequeued>(event)};
  RETURN_IF_ERROR(Commit({event}));
  news_.failures.push_back(std::move(end));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Directive>> Controller::Heartbeat(
    const WorkerInfo& info, const std::vector<LeaseStatus>& leases) {
  RETURN_IF_ERROR(CheckWorker(info));
  Transaction transaction(this);
  const absl::Time now = clock_->Now();
  ExpireLeases(now);
  Worker& worker = workers_.Hear(info, now);
  worker.attempts.clear();
  std::vector<Directive> directives;
  Changes changes;
  for (const LeaseStatus& lease : leases) {
    if (!IsCurrent(lease.attempt, info.name)) {
      directives.push_back(Directive::kStop);
      continue;
    }
    directives.push_back(Directive::kContinue);
    worker.attempts.push_back(lease.attempt);
    leases_.Extend(lease.attempt.key, now + options_.lease_duration);
    if (leases_.SetProgress(lease.attempt.key, lease.progress)) {
      const Evaluation& evaluation = *state_.FindEvaluation(lease.attempt.key);
      changes.trials.insert(evaluation.waiting.begin(), evaluation.waiting.end());
    }
  }
  if (!changes.trials.empty()) {
    Publish(changes, {.sequence = state_.last_sequence(), .beat = ++beat_});
  }
  Advance();
  return directives;
}

absl::Status Controller::ReportTrial(std::string_view worker, const Attempt& attempt,
                                     const Outcome& outcome) {
  RETURN_IF_ERROR(CheckWorkerName("worker", worker));
  Transaction transaction(this);
  ExpireLeases(clock_->Now());
  const Evaluation* evaluation = state_.FindEvaluation(attempt.key);
  if (evaluation == nullptr) {
    return absl::NotFoundError(absl::StrCat("no evaluation ", attempt.key.ToString()));
  }
  if (!IsCurrent(attempt, worker)) {
    const bool repeated =
        evaluation->reported_attempt == attempt.number &&
        std::visit([&](const auto& end) { return SameOutcome(*evaluation, end); }, outcome);
    if (repeated) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(
        "attempt ", attempt.number, " of worker ", base::ToAbsl(worker), " is over: the trial is ",
        base::ToAbsl(ToString(evaluation->state)), ", attempt ", evaluation->attempt,
        evaluation->worker.empty() ? "" : " of worker ", evaluation->worker));
  }
  RETURN_IF_ERROR(End(*evaluation, outcome));
  Advance();
  return absl::OkStatus();
}

std::vector<WorkerView> Controller::ListWorkers() const {
  base::MutexLock lock(&mutex_);
  std::vector<WorkerView> views;
  for (const auto& [name, worker] : workers_.workers()) {
    WorkerView view{.info = worker.info, .last_seen = worker.last_seen};
    for (const Attempt& attempt : worker.attempts) {
      if (!IsCurrent(attempt, name)) continue;
      view.trials.push_back(state_.FindEvaluation(attempt.key)->first_trial);
    }
    views.push_back(std::move(view));
  }
  return views;
}

}  // namespace graft::controller
