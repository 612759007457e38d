// Controller: runs searches. The core of graft-controller, without network and disk.
//
// Commands check their input against the state, make events, have them logged in one transaction
// and apply them (events.h); what follows from them - a next episode, a report, the end of a search
// - is logged step by step after that. A step whose events cannot be logged is tried again at the
// next Tick.
#ifndef GRAFT_SERVICES_CONTROLLER_CORE_CONTROLLER_H_
#define GRAFT_SERVICES_CONTROLLER_CORE_CONTROLLER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "services/controller/core/change_feed.h"
#include "services/controller/core/event_log.h"
#include "services/controller/core/lease_table.h"
#include "services/controller/core/policy_session.h"
#include "services/controller/core/state.h"
#include "services/controller/core/views.h"

namespace graft::controller {

struct ControllerOptions {
  // How long a lease holds without a heartbeat.
  absl::Duration lease_duration = absl::Seconds(30);
  // A trial is given up with this many attempts that failed for reasons of its own.
  std::int64_t max_failures = 2;
  // A trial is given up with this many attempts that were lost or crashed. Those that a worker
  // handed back in order, because it ends, say nothing of the trial and are not counted.
  std::int64_t max_interruptions = 5;
  // A worker not heard from for so long is forgotten.
  absl::Duration worker_memory = absl::Minutes(10);
  // For so long after a search's end its policy still tells metrics.
  absl::Duration session_memory = absl::Minutes(2);
};

// An attempt that ended without a result.
struct AttemptEnd {
  Attempt attempt;
  std::string worker;
  trial::Failure failure;
  bool queued_again = false;  // otherwise the trial is given up
};

// Told of changes, by whichever thread made them and without the controller's lock. Must not block:
// no disk, no network.
class ControllerListener {
 public:
  virtual ~ControllerListener() = default;
  // Trials were queued.
  virtual void OnWork() = 0;
  // NextUpdate has something new for those who watch this search.
  virtual void OnSearchChanged(SearchId search) = 0;
  virtual void OnAttemptFailed(const AttemptEnd& end) = 0;
};

struct LeaseRequest {
  WorkerInfo worker;
  std::int64_t slots = 0;                   // free ones
  std::vector<std::string> cached_weights;  // that the worker has, text form
  std::string request_id;                   // empty: none
};

struct LeaseStatus {
  Attempt attempt;
  LeaseTable::Progress progress;
};

enum class Directive { kContinue, kStop };

// How an attempt ended.
using Outcome = std::variant<trial::TrialResult, trial::Failure>;

// A watcher of one search. Starts with a snapshot, or where an earlier watcher stopped.
class WatchCursor {
 public:
  // A snapshot first.
  explicit WatchCursor(SearchId search) : search_(search) {}
  // Changes behind the event `sequence` only.
  WatchCursor(SearchId search, std::int64_t sequence);

  SearchId search() const { return search_; }

 private:
  friend class Controller;
  SearchId search_;
  // The next trial of the snapshot; kSearch first; absent once it is over.
  std::optional<ChangeFeed::Item> snapshot_next_ = ChangeFeed::kSearch;
  ChangeFeed::Position position_;
};

struct Update {
  std::variant<SearchView, TrialView> item;
  // Event from which a new watcher can go on; 0: it needs a snapshot.
  std::int64_t resume_sequence = 0;
};

// A page of a list: items behind `after`, at most `size`.
template <typename Cursor>
struct PageRequest {
  std::optional<Cursor> after;
  std::size_t size = 50;
};
template <typename Item, typename Cursor>
struct Page {
  std::vector<Item> items;
  std::optional<Cursor> next;  // absent at the end
};

// Where a page of a search's networks ended.
struct RankCursor {
  double value = 0;
  std::int64_t trial = 0;
};

// Thread-safe; one lock, held while the policy computes and while the log is written.
class Controller {
 public:
  // Replays the log and goes on with every search. `log` and `clock` must outlive the controller.
  // Errors are those of EventLog::Replay. A search whose policy does not repeat what is logged
  // fails.
  static absl::StatusOr<std::unique_ptr<Controller>> Open(const ControllerOptions& options,
                                                          ExplorerFactory explorers, EventLog* log,
                                                          const base::Clock* clock);

  // `listener` must outlive the controller, or be replaced by null once no call is running.
  void SetListener(ControllerListener* listener);

  // ---- For users. A repeated request id returns the first answer; ALREADY_EXISTS: the id stands
  // for other content. NOT_FOUND: no such search, trial, network or data set.

  // INVALID_ARGUMENT as of CompleteSearchSpec.
  absl::StatusOr<SearchView> CreateSearch(SearchSpec spec, const RequestTag& request);
  // The search as CreateSearch would make it, without an id.
  absl::StatusOr<SearchView> ValidateSearch(SearchSpec spec) const;
  absl::StatusOr<SearchView> CancelSearch(SearchId id, const RequestTag& request);
  // Leases none of its queued trials until it is resumed. FAILED_PRECONDITION: it has ended.
  absl::StatusOr<SearchView> PauseSearch(SearchId id, const RequestTag& request);
  // FAILED_PRECONDITION: it has ended.
  absl::StatusOr<SearchView> ResumeSearch(SearchId id, const RequestTag& request);
  // Sets the number of its episodes; one that had succeeded goes on if there are more than before.
  // INVALID_ARGUMENT: below those begun. FAILED_PRECONDITION: it failed or was cancelled.
  absl::StatusOr<SearchView> ExtendSearch(SearchId id, std::int64_t episodes,
                                          const RequestTag& request);
  // Forgets a search that has ended; its networks stay. FAILED_PRECONDITION: it has not ended.
  absl::Status DeleteSearch(SearchId id, const RequestTag& request);
  absl::StatusOr<SearchView> GetSearch(SearchId id) const;
  // Newest first; those that have all of `labels`.
  Page<SearchView, SearchId> ListSearches(const PageRequest<SearchId>& page,
                                          const std::map<std::string, std::string>& labels) const;
  absl::StatusOr<TrialView> GetTrial(TrialId id) const;
  // In order of number.
  absl::StatusOr<Page<TrialView, std::int64_t>> ListTrials(
      SearchId id, const PageRequest<std::int64_t>& page) const;
  // By the first digits of its digest. INVALID_ARGUMENT: fewer than 8, or several networks fit.
  absl::StatusOr<Network> GetNetwork(std::string_view prefix) const;
  // Newest first; the cursor is the place in order of age.
  Page<Network, std::int64_t> ListNetworks(const PageRequest<std::int64_t>& page) const;
  // A network whose weights are in the store; the same again is returned. INVALID_ARGUMENT: a field
  // error.
  absl::StatusOr<Network> ImportNetwork(trial::NetworkRef network, std::string description,
                                        const RequestTag& request);
  // In order of number.
  absl::StatusOr<Page<EpisodeView, std::int64_t>> ListEpisodes(
      SearchId id, const PageRequest<std::int64_t>& page) const;
  // Best first; those without the objective metric are left out.
  absl::StatusOr<Page<Network, RankCursor>> ListSearchNetworks(
      SearchId id, const PageRequest<RankCursor>& page) const;
  std::vector<WorkerView> ListWorkers() const;

  // Registers a data set; naming the same content again returns it. ALREADY_EXISTS: the name stands
  // for another digest. INVALID_ARGUMENT as of ValidateDatasetName.
  absl::StatusOr<Dataset> CreateDataset(Dataset dataset, const RequestTag& request);
  absl::StatusOr<Dataset> GetDataset(std::string_view name) const;
  // In order of name.
  Page<Dataset, std::string> ListDatasets(const PageRequest<std::string>& page) const;

  // What the watcher has not seen: a snapshot (the search, then its trials), then changes; none for
  // now. NOT_FOUND: no such search. OUT_OF_RANGE: the search has ended and all is told.
  // INVALID_ARGUMENT: the watcher starts behind the newest event.
  absl::StatusOr<std::optional<Update>> NextUpdate(WatchCursor& cursor) const;

  // ---- For workers. Leases that have expired by the clock are ended first.

  // Leases queued evaluations of the worker's numerics class; none if there are none. Searches that
  // wait for such a worker begin. Repeating a request id returns those of its leases that still
  // hold. INVALID_ARGUMENT: a field error.
  absl::StatusOr<std::vector<LeaseView>> LeaseTrials(const LeaseRequest& request);
  // Prolongs the leases; one directive each, in order. INVALID_ARGUMENT: a field error.
  absl::StatusOr<std::vector<Directive>> Heartbeat(const WorkerInfo& worker,
                                                   const std::vector<LeaseStatus>& leases);
  // Ends an attempt. Saying the same again is OK. FAILED_PRECONDITION: the attempt is not the
  // current one, of another worker, or ended otherwise. NOT_FOUND: no such evaluation.
  // INVALID_ARGUMENT: a field error.
  absl::Status ReportTrial(std::string_view worker, const Attempt& attempt, const Outcome& outcome);
  // Whether there is or was such an attempt, of whichever worker.
  bool IsKnown(const Attempt& attempt) const;
  // How often a worker should send a heartbeat.
  absl::Duration heartbeat_interval() const;
  absl::Duration lease_duration() const { return options_.lease_duration; }

  // ---- For the process.

  // Ends leases that have expired, forgets silent workers, and tries again what could not be
  // logged.
  void Tick();
  Stats GetStats() const;

 private:
  Controller(const ControllerOptions& options, ExplorerFactory explorers, EventLog* log,
             const base::Clock* clock);

  // What was changed under the lock and is told once it is released.
  struct News {
    bool work = false;
    std::set<SearchId> searches;
    std::vector<AttemptEnd> failures;
  };
  // Holds the lock for a scope and tells the news after it.
  class Transaction;

  absl::Status Recover() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Logs and applies. After an error nothing has changed.
  absl::Status Commit(std::vector<Event> events, const PolicySnapshot* snapshot = nullptr)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status ApplyRecord(const Record& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Publish(const Changes& changes, Revision revision) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Takes all steps that searches can take now.
  void Advance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes one step, if there is one; then there may be another. False: it could not be logged.
  bool AdvanceOnce(SearchId id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::unique_ptr<PolicySession>> OpenSession(const Search& search)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<PolicySession*> Session(const Search& search)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PinSearches(const WorkerInfo& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Tells watchers of searches that wait for another kind of worker than before.
  void TellWaits() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ExpireLeases(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Logs how a leased attempt ended: with a failure, its evaluation is queued again or given up.
  absl::Status End(const Evaluation& evaluation, const Outcome& outcome)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Event FailureEvent(const Evaluation& evaluation, const trial::Failure& failure) const;

  absl::StatusOr<const DoneRequest*> FindDone(const RequestTag& request) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Logs `event` about a search and returns what became of it.
  absl::StatusOr<SearchView> Change(SearchId id, Event event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<const Search*> FindSearch(SearchId id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  SearchView View(const Search& search) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  TrialView View(const Trial& trial) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsCurrent(const Attempt& attempt, std::string_view worker) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<LeaseView> LeaseViews(const std::vector<Attempt>& attempts) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<Update> NextOfSnapshot(const Search& search, WatchCursor& cursor) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const ControllerOptions options_;
  const ExplorerFactory explorers_;
  EventLog* const log_;
  const base::Clock* const clock_;

  mutable base::Mutex mutex_;
  ControllerListener* listener_ ABSL_GUARDED_BY(mutex_) = nullptr;
  State state_ ABSL_GUARDED_BY(mutex_);
  ChangeFeed feed_ ABSL_GUARDED_BY(mutex_);
  std::int64_t beat_ ABSL_GUARDED_BY(mutex_) = 0;  // heartbeats that said something since the event
  LeaseTable leases_ ABSL_GUARDED_BY(mutex_);
  WorkerTable workers_ ABSL_GUARDED_BY(mutex_);
  std::map<SearchId, std::unique_ptr<PolicySession>> sessions_ ABSL_GUARDED_BY(mutex_);
  std::map<SearchId, std::string> waits_ ABSL_GUARDED_BY(mutex_);  // what was told of each
  std::set<SearchId> touched_ ABSL_GUARDED_BY(mutex_);  // whose next step is to be looked for
  absl::Time last_progress_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  News news_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_CORE_CONTROLLER_H_
