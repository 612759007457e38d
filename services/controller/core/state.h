// State: what the events so far add up to.
#ifndef GRAFT_SERVICES_CONTROLLER_CORE_STATE_H_
#define GRAFT_SERVICES_CONTROLLER_CORE_STATE_H_

#include <array>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/digest/typed_digest.h"
#include "services/controller/core/entities.h"
#include "services/controller/core/events.h"
#include "services/controller/core/trial_queue.h"

namespace graft::controller {

// What an event changed, for those who watch.
struct Changes {
  std::set<SearchId> searches;
  std::set<TrialId> trials;
  std::set<digest::TrialKey> leased;    // evaluations that a worker took
  std::set<digest::TrialKey> released;  // evaluations that no worker has any more
  std::set<SearchId> deleted;
  bool queued = false;  // an evaluation came into the queue
};

// What a mutation with a request id did.
struct DoneRequest {
  std::string content;                           // RequestTag::content
  SearchId search;                               // that it created or cancelled
  std::string dataset;                           // that it registered; else empty
  std::optional<digest::NetworkDigest> network;  // that it imported
};

// The fold over the event log. Apply is its only mutator, so that a replay of the log gives the
// same state. Lookups are logarithmic or constant, whatever the number of trials. Not thread-safe.
// Pointers and references hold until the next Apply.
class State {
 public:
  // Applies the next event and adds what it changed to `changes`. DATA_LOSS: the event is not legal
  // in this state; the state is then of no more use.
  absl::Status Apply(const Record& record, Changes* changes);

  std::int64_t last_sequence() const { return last_sequence_; }

  // Null if there is none.
  const Search* FindSearch(SearchId id) const;
  const Trial* FindTrial(TrialId id) const;
  const Evaluation* FindEvaluation(const digest::TrialKey& key) const;
  const Network* FindNetwork(const digest::NetworkDigest& digest) const;
  const Dataset* FindDataset(std::string_view name) const;
  const DoneRequest* FindRequest(std::string_view id) const;

  const std::map<SearchId, Search>& searches() const { return searches_; }
  const std::set<SearchId>& pending_searches() const { return pending_searches_; }
  // Of the next search; numbers are never used again.
  SearchId next_search() const { return {last_search_ + 1}; }
  // Those that have not ended.
  const std::set<SearchId>& active_searches() const { return active_searches_; }
  const std::map<std::string, Dataset, std::less<>>& datasets() const { return datasets_; }
  const std::map<digest::NetworkDigest, Network>& networks() const { return networks_; }
  const std::vector<digest::NetworkDigest>& networks_by_age() const { return networks_by_age_; }
  const std::set<digest::TrialKey>& leased() const { return leased_; }
  const TrialQueue& queue() const { return queue_; }

  // Counts over all searches, by state.
  const std::array<std::int64_t, kSearchStateCount>& search_counts() const {
    return search_counts_;
  }
  const std::array<std::int64_t, kTrialStateCount>& trial_counts() const { return trial_counts_; }

 private:
  absl::Status ApplyEvent(const DatasetRegistered& event);
  absl::Status ApplyEvent(const SearchCreated& event);
  absl::Status ApplyEvent(const SearchPinned& event);
  absl::Status ApplyEvent(const EpisodeProposed& event);
  absl::Status ApplyEvent(const TrialCreated& event);
  absl::Status ApplyEvent(const EvaluationLeased& event);
  absl::Status ApplyEvent(const EvaluationRequeued& event);
  absl::Status ApplyEvent(const EvaluationCompleted& event);
  absl::Status ApplyEvent(const EvaluationFailed& event);
  absl::Status ApplyEvent(const EpisodeObserved& event);
  absl::Status ApplyEvent(const SearchReporting& event);
  absl::Status ApplyEvent(const SearchSucceeded& event);
  absl::Status ApplyEvent(const SearchFailed& event);
  absl::Status ApplyEvent(const SearchCancelled& event);
  absl::Status ApplyEvent(const NetworkImported& event);
  absl::Status ApplyEvent(const SearchPaused& event);
  absl::Status ApplyEvent(const SearchResumed& event);
  absl::Status ApplyEvent(const SearchExtended& event);
  absl::Status ApplyEvent(const SearchDeleted& event);

  // The search, or an error unless its state is one of `legal`.
  absl::StatusOr<Search*> SearchIn(SearchId id, std::initializer_list<SearchState> legal);
  // The evaluation, or an error unless it is leased for `attempt`.
  absl::StatusOr<Evaluation*> LeasedEvaluation(const digest::TrialKey& key, std::int64_t attempt);

  void Remember(const RequestTag& request, SearchId search, std::string dataset);
  void SetSearchState(Search& search, SearchState state);
  // Moves an evaluation and all trials that wait for it.
  void SetEvaluationState(Evaluation& evaluation, TrialState state);
  void SetTrialState(Trial& trial, TrialState state);
  void EndSearch(Search& search, SearchState state);
  // Takes back the search's report, finished or not: there are episodes to run before it.
  void GoOn(Search& search);
  // Ends those of its trials that have not ended.
  void CancelTrials(Search& search);

  // Puts a queued evaluation into the queue in the name of the first search that waits for it, by
  // priority, and takes it out while all of those are paused.
  void Enqueue(const Evaluation& evaluation);
  // The same for all queued evaluations of a search.
  void EnqueueTrials(const Search& search);
  // The first trial that may not have ended.
  static std::size_t FirstOpenTrial(const Search& search);

  Evaluation& JoinEvaluation(const TrialCreated& event, bool* cached);
  // Makes the network of a completed evaluation, unless it measured test images.
  void AddNetwork(Evaluation& evaluation);
  // Counts a completed trial in its search.
  void CountResult(Search& search, const Trial& trial, const Evaluation& evaluation);

  std::int64_t last_sequence_ = 0;
  absl::Time now_;              // of the event that is applied
  Changes* changes_ = nullptr;  // of the event that is applied

  std::int64_t last_search_ = 0;
  std::map<SearchId, Search> searches_;
  std::set<SearchId> pending_searches_;
  std::set<SearchId> active_searches_;
  // Node-based: an Evaluation stays where it is.
  std::map<digest::TrialKey, Evaluation> evaluations_;
  std::set<digest::TrialKey> leased_;
  TrialQueue queue_;
  std::map<digest::NetworkDigest, Network> networks_;
  std::vector<digest::NetworkDigest> networks_by_age_;
  std::map<std::string, Dataset, std::less<>> datasets_;
  absl::flat_hash_map<std::string, DoneRequest> requests_;
  std::array<std::int64_t, kSearchStateCount> search_counts_{};
  std::array<std::int64_t, kTrialStateCount> trial_counts_{};
};

// Whether an evaluation that failed for this reason would fail again.
bool IsDeterministic(trial::FailureReason reason);
// Whether an attempt ended so for no reason of the trial's own, as far as can be told.
bool IsInterruption(trial::FailureReason reason);

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_CORE_STATE_H_
