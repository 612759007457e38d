#include "services/controller/core/controller.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "services/controller/core/controller_transaction.h"
#include "services/controller/core/event_logging.h"
#include "services/controller/core/search_driver.h"

namespace graft::controller {

WatchCursor::WatchCursor(SearchId search, std::int64_t sequence)
    : search_(search),
      snapshot_next_(std::nullopt),
      position_{.revision = {.sequence = sequence}} {}

Controller::Controller(const ControllerOptions& options, ExplorerFactory explorers, EventLog* log,
                       const base::Clock* clock)
    : options_(options), explorers_(std::move(explorers)), log_(log), clock_(clock) {}

absl::StatusOr<std::unique_ptr<Controller>> Controller::Open(const ControllerOptions& options,
                                                             ExplorerFactory explorers,
                                                             EventLog* log,
                                                             const base::Clock* clock) {
  std::unique_ptr<Controller> controller(new Controller(options, std::move(explorers), log, clock));
  base::MutexLock lock(&controller->mutex_);
  RETURN_IF_ERROR(controller->Recover());
  return controller;
}

void Controller::SetListener(ControllerListener* listener) {
  base::MutexLock lock(&mutex_);
  listener_ = listener;
}

absl::Status Controller::Recover() {
  RETURN_IF_ERROR(log_->Replay([this](const Record& record) {
    mutex_.AssertHeld();
    return ApplyRecord(record);
  }));
  const absl::Time now = clock_->Now();
  for (const digest::TrialKey& key : state_.leased()) {
    leases_.Extend(key, now + options_.lease_duration);
  }
  // Sessions of ended searches are never opened: the cost of a start is that of what still runs.
  const std::set<SearchId> active = state_.active_searches();
  for (const SearchId id : active) {
    const Search& search = *state_.FindSearch(id);
    if (search.state != SearchState::kRunning || search.episodes.empty()) continue;
    if (const auto session = Session(search); !session.ok()) {
      RETURN_IF_ERROR(
          Commit({SearchFailed{.search = id, .error = std::string(session.status().message())}}));
    }
  }
  touched_ = active;
  last_progress_ = now;
  Advance();
  return absl::OkStatus();
}

absl::Status Controller::Commit(std::vector<Event> events, const PolicySnapshot* snapshot) {
  const absl::Time now = absl::FromUnixMicros(absl::ToUnixMicros(clock_->Now()));
  std::vector<Record> records;
  std::int64_t sequence = state_.last_sequence();
  for (Event& event : events) {
    records.push_back({.sequence = ++sequence, .time = now, .event = std::move(event)});
  }
  RETURN_IF_ERROR(base::Annotate(log_->Append(records, snapshot), "event log"));
  for (const Record& record : records) {
    GRAFT_CHECK_OK(ApplyRecord(record));
    LogEvent(record.event);
  }
  return absl::OkStatus();
}

absl::Status Controller::ApplyRecord(const Record& record) {
  Changes changes;
  RETURN_IF_ERROR(state_.Apply(record, &changes));
  beat_ = 0;
  for (const digest::TrialKey& key : changes.released) leases_.Drop(key);
  for (const digest::TrialKey& key : changes.leased) {
    leases_.Extend(key, record.time + options_.lease_duration);
  }
  touched_.insert(changes.searches.begin(), changes.searches.end());
  for (const SearchId id : changes.deleted) {
    touched_.erase(id);
    sessions_.erase(id);
    feed_.Drop(id);
    news_.searches.insert(id);
  }
  if (std::holds_alternative<SearchCreated>(record.event) ||
      std::holds_alternative<EvaluationCompleted>(record.event)) {
    last_progress_ = record.time;
  }
  Publish(changes, {.sequence = record.sequence});
  return absl::OkStatus();
}

void Controller::Publish(const Changes& changes, Revision revision) {
  for (const SearchId id : changes.searches) {
    feed_.Touch(id, ChangeFeed::kSearch, revision);
    news_.searches.insert(id);
  }
  for (const TrialId& id : changes.trials) {
    feed_.Touch(id.search, id.number, revision);
    news_.searches.insert(id.search);
  }
  news_.work |= changes.queued;
}

void Controller::Advance() {
  std::set<SearchId> failed;
  while (!touched_.empty()) {
    const SearchId id = *touched_.begin();
    touched_.erase(touched_.begin());
    if (!AdvanceOnce(id)) failed.insert(id);
  }
  touched_ = std::move(failed);
}

bool Controller::AdvanceOnce(SearchId id) {
  const Search& search = *state_.FindSearch(id);
  absl::StatusOr<Step> step =
      NextStep(state_, search, [this, &search]() -> absl::StatusOr<PolicySession*> {
        mutex_.AssertHeld();
        return Session(search);
      });
  if (!step.ok()) {
    step =
        Step{.events = {SearchFailed{.search = id, .error = std::string(step.status().message())}}};
  }
  if (step->events.empty()) return true;
  const PolicySnapshot* snapshot = step->snapshot.has_value() ? &*step->snapshot : nullptr;
  if (const absl::Status status = Commit(std::move(step->events), snapshot); !status.ok()) {
    base::LogError("a search's step was not logged; it is tried again",
                   {{"search", ToString(id)}, {"error", status}});
    sessions_.erase(id);  // it is ahead of the log
    return false;
  }
  touched_.insert(id);
  return true;
}

absl::StatusOr<std::unique_ptr<PolicySession>> Controller::OpenSession(const Search& search) {
  if (search.episodes.empty() || search.episodes.front().policy_digest.empty()) {
    return PolicySession::Open(state_, search, explorers_, nullptr);
  }
  absl::StatusOr<PolicySnapshot> snapshot = log_->ReadSnapshot(search.id);
  absl::Status status = snapshot.status();
  if (snapshot.ok()) {
    auto session = PolicySession::Open(state_, search, explorers_, &snapshot->state);
    if (session.ok()) return session;
    status = session.status();
  }
  // The log alone is enough.
  base::LogWarning("a policy is replayed from its beginning",
                   {{"search", ToString(search.id)}, {"error", status}});
  return PolicySession::Open(state_, search, explorers_, nullptr);
}

absl::StatusOr<PolicySession*> Controller::Session(const Search& search) {
  std::unique_ptr<PolicySession>& session = sessions_[search.id];
  if (session == nullptr) {
    absl::StatusOr<std::unique_ptr<PolicySession>> opened = OpenSession(search);
    if (!opened.ok()) {
      sessions_.erase(search.id);
      return opened.status();
    }
    session = *std::move(opened);
  }
  return session.get();
}

void Controller::Tick() {
  Transaction transaction(this);
  const absl::Time now = clock_->Now();
  ExpireLeases(now);
  workers_.ForgetSilent(now - options_.worker_memory);
  std::erase_if(sessions_, [&](const auto& entry) {
    mutex_.AssertHeld();
    return state_.FindSearch(entry.first)->end_time < now - options_.session_memory;
  });
  Advance();
  TellWaits();
}

void Controller::TellWaits() {
  std::map<SearchId, std::string> waits;
  Changes changes;
  for (const SearchId id : state_.active_searches()) {
    std::string wait = WaitingFor(*state_.FindSearch(id), workers_);
    if (wait != waits_[id]) changes.searches.insert(id);
    waits.emplace(id, std::move(wait));
  }
  waits_ = std::move(waits);
  if (!changes.searches.empty()) {
    Publish(changes, {.sequence = state_.last_sequence(), .beat = ++beat_});
  }
}

Stats Controller::GetStats() const {
  base::MutexLock lock(&mutex_);
  Stats stats{.searches_by_state = state_.search_counts(),
              .trials_by_state = state_.trial_counts(),
              .events = state_.last_sequence(),
              .leases = leases_.size(),
              .workers = static_cast<std::int64_t>(workers_.workers().size())};
  const std::set<SearchId>& active = state_.active_searches();
  std::set<SearchId> shown = active;
  for (const auto& [id, session] : sessions_) shown.insert(id);
  for (const SearchId id : shown) {
    Stats::SearchStats search{
        .id = id, .max_preservation_error = state_.FindSearch(id)->max_preservation_error};
    if (const auto session = sessions_.find(id); session != sessions_.end()) {
      search.policy = session->second->Diagnostics();
    }
    stats.searches.push_back(std::move(search));
  }
  if (!active.empty()) stats.since_progress = clock_->Now() - last_progress_;
  return stats;
}

}  // namespace graft::controller
