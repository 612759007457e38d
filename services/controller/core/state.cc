#include "services/controller/core/state.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"

namespace graft::controller {
namespace {

template <typename... Parts>
absl::Status Illegal(const Parts&... parts) {
  return absl::DataLossError(absl::StrCat(parts...));
}

template <typename Key, typename Value, typename... Rest>
const Value* FindOrNull(const std::map<Key, Value, Rest...>& map, const auto& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

constexpr std::initializer_list<SearchState> kActive = {
    SearchState::kPending, SearchState::kRunning, SearchState::kReporting, SearchState::kPaused};

bool MeasuresValidation(const trial::TrialSpec& spec) {
  return std::visit(
      [](const trial::ImageClassification& task) {
        return task.evaluation_split == trial::Split::kValidation;
      },
      spec.task);
}

}  // namespace

bool IsDeterministic(trial::FailureReason reason) {
  switch (reason) {
    case trial::FailureReason::kInvalid:
    case trial::FailureReason::kNotPreserved:
    case trial::FailureReason::kDiverged:
    case trial::FailureReason::kOutOfMemory:
      return true;
    case trial::FailureReason::kCrashed:
    case trial::FailureReason::kLost:
    case trial::FailureReason::kPreempted:
    case trial::FailureReason::kInputMissing:
    case trial::FailureReason::kInternal:
    case trial::FailureReason::kResourceExhausted:
      return false;
  }
  return false;
}

bool IsInterruption(trial::FailureReason reason) {
  return reason == trial::FailureReason::kLost || reason == trial::FailureReason::kCrashed;
}

absl::Status State::Apply(const Record& record, Changes* changes) {
  if (record.sequence != last_sequence_ + 1) {
    return Illegal("event ", record.sequence, " follows event ", last_sequence_);
  }
  now_ = record.time;
  changes_ = changes;
  const absl::Status status =
      std::visit([this](const auto& event) { return ApplyEvent(event); }, record.event);
  changes_ = nullptr;
  RETURN_IF_ERROR(base::Annotate(status, absl::StrCat("event ", record.sequence)));
  last_sequence_ = record.sequence;
  return absl::OkStatus();
}

const Search* State::FindSearch(SearchId id) const { return FindOrNull(searches_, id); }

const Trial* State::FindTrial(TrialId id) const {
  const Search* search = FindSearch(id.search);
  if (search == nullptr || id.number < 0) return nullptr;
  if (static_cast<size_t>(id.number) >= search->trials.size()) return nullptr;
  return &search->trials[id.number];
}

const Evaluation* State::FindEvaluation(const digest::TrialKey& key) const {
  return FindOrNull(evaluations_, key);
}

const Network* State::FindNetwork(const digest::NetworkDigest& digest) const {
  return FindOrNull(networks_, digest);
}

const Dataset* State::FindDataset(std::string_view name) const {
  return FindOrNull(datasets_, name);
}

const DoneRequest* State::FindRequest(std::string_view id) const {
  const auto found = requests_.find(base::ToAbsl(id));
  return found == requests_.end() ? nullptr : &found->second;
}

// ---- Data sets and searches ------------------------------------------------------------------

absl::Status State::ApplyEvent(const DatasetRegistered& event) {
  Dataset dataset = event.dataset;
  dataset.create_time = now_;
  if (!datasets_.emplace(dataset.name, dataset).second) {
    return Illegal("data set `", dataset.name, "` is registered already");
  }
  Remember(event.request, {}, dataset.name);
  return absl::OkStatus();
}

absl::Status State::ApplyEvent(const SearchCreated& event) {
  const auto [entry, inserted] = searches_.try_emplace(event.search);
  if (!inserted) return Illegal(ToString(event.search), " exists already");
  Search& search = entry->second;
  last_search_ = std::max(last_search_, event.search.number);
  search.id = event.search;
  search.spec = event.spec;
  search.create_time = now_;
  ++search_counts_[static_cast<int>(search.state)];
  pending_searches_.insert(search.id);
  active_searches_.insert(search.id);
  changes_->searches.insert(search.id);
  Remember(event.request, search.id, "");
  return absl::OkStatus();
}

absl::Status State::ApplyEvent(const SearchPinned& event) {
  ASSIGN_OR_RETURN(Search * search, SearchIn(event.search, {SearchState::kPending}));
  search->numerics_class = event.numerics_class;
  SetSearchState(*search, SearchState::kRunning);
  return absl::OkStatus();
}

absl::Status State::ApplyEvent(const EpisodeProposed& event) {
  ASSIGN_OR_RETURN(Search * search, SearchIn(event.search, {SearchState::kRunning}));
  if (event.episode != static_cast<std::int64_t>(search->episodes.size()) + 1) {
    return Illegal("episode ", event.episode, " follows episode ", search->episodes.size());
  }
  Episode episode;
  episode.number = event.episode;
  episode.first_trial = static_cast<std::int64_t>(search->trials.size());
  episode.children = event.children;
  search->episodes.push_back(std::move(episode));
  changes_->searches.insert(search->id);
  return absl::OkStatus();
}

absl::Status State::ApplyEvent(const EpisodeObserved& event) {
  ASSIGN_OR_RETURN(Search * search, SearchIn(event.search, {SearchState::kRunning}));
  if (search->episodes.empty() || search->episodes.back().number != event.episode) {
    return Illegal("episode ", event.episode, " is not the running one");
  }
  Episode& episode = search->episodes.back();
  if (!episode.AllEnded() || !episode.policy_digest.empty()) {
    return Illegal("episode ", event.episode, " cannot be observed now");
  }
  episode.policy_digest = event.policy_digest;
  return absl::OkStatus();
}

absl::Status State::ApplyEvent(const SearchReporting& event) {
  ASSIGN_OR_RETURN(Search * search, SearchIn(event.search, {SearchState::kRunning}));
  SetSearchState(*search, SearchState::kReporting);
  return absl::OkStatus();
}

absl::Status State::ApplyEvent(const SearchSucceeded& event) {
  ASSIGN_OR_RETURN(Search * search, SearchIn(event.search, {SearchState::kReporting}));
  search->report = event.report;
  EndSearch(*search, SearchState::kSucceeded);
  return absl::OkStatus();
}

absl::Status State::ApplyEvent(const SearchFailed& event) {
  ASSIGN_OR_RETURN(Search * search, SearchIn(event.search, kActive));
  search->error = event.error;
  EndSearch(*search, SearchState::kFailed);
  return absl::OkStatus();
}

absl::Status State::ApplyEvent(const SearchCancelled& event) {
  ASSIGN_OR_RETURN(Search * search, SearchIn(event.search, kActive));
  Remember(event.request, search->id, "");
  EndSearch(*search, SearchState::kCancelled);
  return absl::OkStatus();
}

absl::Status State::ApplyEvent(const NetworkImported& event) {
  const digest::NetworkDigest digest =
      trial::DigestOf(event.network.architecture.fingerprint(), event.network.weights);
  Network network{.digest = digest,
                  .ref = event.network,
                  .description = event.description,
                  .create_time = now_};
  if (!networks_.emplace(digest, std::move(network)).second) {
    return Illegal("network ", digest.ToString(), " is known already");
  }
  networks_by_age_.push_back(digest);
  Remember(event.request, {}, "");
  if (!event.request.id.empty()) requests_[event.request.id].network = digest;
  return absl::OkStatus();
}

absl::Status State::ApplyEvent(const SearchPaused& event) {
  ASSIGN_OR_RETURN(Search * search,
                   SearchIn(event.search, {SearchState::kPending, SearchState::kRunning,
                                           SearchState::kReporting}));
  Remember(event.request, search->id, "");
  search->paused_state = search->state;
  SetSearchState(*search, SearchState::kPaused);
  EnqueueTrials(*search);
  return absl::OkStatus();
}

absl::Status State::ApplyEvent(const SearchResumed& event) {
  ASSIGN_OR_RETURN(Search * search, SearchIn(event.search, {SearchState::kPaused}));
  Remember(event.request, search->id, "");
  SetSearchState(*search, search->paused_state);
  EnqueueTrials(*search);
  return absl::OkStatus();
}

absl::Status State::ApplyEvent(const SearchExtended& event) {
  ASSIGN_OR_RETURN(
      Search * search,
      SearchIn(event.search, {SearchState::kPending, SearchState::kRunning, SearchState::kReporting,
                              SearchState::kPaused, SearchState::kSucceeded}));
  const auto begun = static_cast<std::int64_t>(search->episodes.size());
  if (event.episodes < std::max<std::int64_t>(begun, 1)) {
    return Illegal(ToString(event.search), " has begun ", begun, " episodes, not ", event.episodes);
  }
  Remember(event.request, search->id, "");
  auto spec = std::make_shared<SearchSpec>(*search->spec);
  spec->episodes = event.episodes;
  search->spec = std::move(spec);
  changes_->searches.insert(search->id);
  if (event.episodes > begun) GoOn(*search);
  return absl::OkStatus();
}

absl::Status State::ApplyEvent(const SearchDeleted& event) {
  ASSIGN_OR_RETURN(Search * search,
                   SearchIn(event.search, {SearchState::kSucceeded, SearchState::kFailed,
                                           SearchState::kCancelled}));
  for (int state = 0; state < kTrialStateCount; ++state) {
    trial_counts_[state] -= search->trials_by_state[state];
  }
  --search_counts_[static_cast<int>(search->state)];
  Remember(event.request, search->id, "");
  searches_.erase(event.search);
  changes_->deleted.insert(event.search);
  return absl::OkStatus();
}

// ---- Trials and evaluations ------------------------------------------------------------------

absl::Status State::ApplyEvent(const TrialCreated& event) {
  ASSIGN_OR_RETURN(Search * search,
                   SearchIn(event.trial.search, {SearchState::kRunning, SearchState::kReporting}));
  if (event.trial.number != static_cast<std::int64_t>(search->trials.size())) {
    return Illegal(ToString(event.trial), " follows trial ", search->trials.size(), " - 1");
  }
  bool cached = false;
  Evaluation& evaluation = JoinEvaluation(event, &cached);
  search->trials.push_back({.id = event.trial,
                            .purpose = event.purpose,
                            .episode = event.episode,
                            .key = event.key,
                            .state = TrialState::kQueued,
                            .cached = cached,
                            .create_time = now_});
  Trial& trial = search->trials.back();
  ++search->trials_by_state[static_cast<int>(TrialState::kQueued)];
  ++trial_counts_[static_cast<int>(TrialState::kQueued)];
  changes_->trials.insert(trial.id);
  changes_->searches.insert(trial.id.search);

  if (!HasEnded(evaluation.state)) evaluation.waiting.push_back(trial.id);
  if (evaluation.state == TrialState::kQueued) Enqueue(evaluation);
  if (evaluation.state != TrialState::kQueued) SetTrialState(trial, evaluation.state);
  return absl::OkStatus();
}

Evaluation& State::JoinEvaluation(const TrialCreated& event, bool* cached) {
  const auto [entry, inserted] = evaluations_.try_emplace(
      event.key,
      Evaluation{.key = event.key, .spec = event.spec, .numerics_class = event.numerics_class});
  Evaluation& evaluation = entry->second;
  const bool repeat =
      evaluation.state == TrialState::kCancelled ||
      (evaluation.state == TrialState::kFailed && !IsDeterministic(evaluation.failure->reason));
  *cached = !inserted && !repeat;
  if (*cached) return evaluation;
  evaluation.first_trial = event.trial;
  evaluation.queue_order = last_sequence_ + 1;
  evaluation.state = TrialState::kQueued;
  evaluation.failures = 0;
  evaluation.interruptions = 0;
  return evaluation;
}

absl::Status State::ApplyEvent(const EvaluationLeased& event) {
  const auto entry = evaluations_.find(event.key);
  if (entry == evaluations_.end()) return Illegal("no evaluation ", event.key.ToString());
  Evaluation& evaluation = entry->second;
  if (evaluation.state != TrialState::kQueued || event.attempt != evaluation.attempt + 1) {
    return Illegal("evaluation ", event.key.ToString(), " cannot be leased: it is ",
                   base::ToAbsl(ToString(evaluation.state)), " after attempt ", evaluation.attempt);
  }
  evaluation.attempt = event.attempt;
  evaluation.worker = event.worker;
  SetEvaluationState(evaluation, TrialState::kLeased);
  return absl::OkStatus();
}

absl::Status State::ApplyEvent(const EvaluationRequeued& event) {
  ASSIGN_OR_RETURN(Evaluation * evaluation, LeasedEvaluation(event.key, event.attempt));
  const trial::FailureReason reason = event.failure.reason;
  if (reason != trial::FailureReason::kPreempted) {
    ++(IsInterruption(reason) ? evaluation->interruptions : evaluation->failures);
  }
  if (reason != trial::FailureReason::kLost) evaluation->reported_attempt = event.attempt;
  evaluation->failure = event.failure;
  SetEvaluationState(*evaluation, TrialState::kQueued);
  return absl::OkStatus();
}

absl::Status State::ApplyEvent(const EvaluationCompleted& event) {
  ASSIGN_OR_RETURN(Evaluation * evaluation, LeasedEvaluation(event.key, event.attempt));
  evaluation->result = event.result;
  evaluation->reported_attempt = event.attempt;
  AddNetwork(*evaluation);
  SetEvaluationState(*evaluation, TrialState::kCompleted);
  return absl::OkStatus();
}

absl::Status State::ApplyEvent(const EvaluationFailed& event) {
  ASSIGN_OR_RETURN(Evaluation * evaluation, LeasedEvaluation(event.key, event.attempt));
  evaluation->failure = event.failure;
  if (event.failure.reason != trial::FailureReason::kLost) {
    evaluation->reported_attempt = event.attempt;
  }
  SetEvaluationState(*evaluation, TrialState::kFailed);
  return absl::OkStatus();
}

void State::AddNetwork(Evaluation& evaluation) {
  if (!MeasuresValidation(*evaluation.spec)) return;
  const arch::Architecture& architecture = evaluation.spec->architecture;
  const digest::WeightsDigest& weights = evaluation.result->weights;
  const digest::NetworkDigest digest = trial::DigestOf(architecture.fingerprint(), weights);
  evaluation.network = digest;
  if (const auto known = networks_.find(digest); known != networks_.end()) {
    if (known->second.result == nullptr) known->second.result = evaluation.result;
    return;
  }
  Network network{.digest = digest,
                  .ref = {.architecture = architecture, .weights = weights},
                  .result = evaluation.result,
                  .trial = evaluation.first_trial,
                  .create_time = now_};
  if (const auto* derive = std::get_if<trial::Derive>(&evaluation.spec->origin)) {
    for (const trial::Input& input : derive->inputs) {
      network.parents.push_back(
          trial::DigestOf(input.network.architecture.fingerprint(), input.network.weights));
    }
    network.edits = derive->edits;
  }
  networks_.emplace(digest, std::move(network));
  networks_by_age_.push_back(digest);
}

// ---- Moves -----------------------------------------------------------------------------------

absl::StatusOr<Search*> State::SearchIn(SearchId id, std::initializer_list<SearchState> legal) {
  const auto entry = searches_.find(id);
  if (entry == searches_.end()) return Illegal("no ", ToString(id));
  if (std::find(legal.begin(), legal.end(), entry->second.state) == legal.end()) {
    return Illegal("not legal while ", ToString(id), " is ",
                   base::ToAbsl(ToString(entry->second.state)));
  }
  return &entry->second;
}

absl::StatusOr<Evaluation*> State::LeasedEvaluation(const digest::TrialKey& key,
                                                    std::int64_t attempt) {
  const auto entry = evaluations_.find(key);
  if (entry == evaluations_.end()) return Illegal("no evaluation ", key.ToString());
  Evaluation& evaluation = entry->second;
  if (evaluation.state != TrialState::kLeased || evaluation.attempt != attempt) {
    return Illegal("attempt ", attempt, " of evaluation ", key.ToString(),
                   " is not running: it is ", base::ToAbsl(ToString(evaluation.state)),
                   ", attempt ", evaluation.attempt);
  }
  return &evaluation;
}

void State::Remember(const RequestTag& request, SearchId search, std::string dataset) {
  if (request.id.empty()) return;
  requests_[request.id] = {
      .content = request.content, .search = search, .dataset = std::move(dataset)};
}

void State::SetSearchState(Search& search, SearchState state) {
  --search_counts_[static_cast<int>(search.state)];
  search.state = state;
  ++search_counts_[static_cast<int>(state)];
  if (state == SearchState::kPending) {
    pending_searches_.insert(search.id);
  } else {
    pending_searches_.erase(search.id);
  }
  if (HasEnded(state)) {
    active_searches_.erase(search.id);
    search.end_time = now_;
  } else {
    active_searches_.insert(search.id);
  }
  changes_->searches.insert(search.id);
}

void State::SetEvaluationState(Evaluation& evaluation, TrialState state) {
  if (evaluation.state == TrialState::kQueued) queue_.Remove(evaluation);
  if (evaluation.state == TrialState::kLeased) {
    leased_.erase(evaluation.key);
    changes_->released.insert(evaluation.key);
  }
  evaluation.state = state;
  if (state == TrialState::kQueued) Enqueue(evaluation);
  if (state == TrialState::kLeased) {
    leased_.insert(evaluation.key);
    changes_->leased.insert(evaluation.key);
  }
  for (const TrialId& id : evaluation.waiting) {
    SetTrialState(searches_.at(id.search).trials[id.number], state);
  }
  if (HasEnded(state)) evaluation.waiting.clear();
}

void State::Enqueue(const Evaluation& evaluation) {
  const Search* owner = nullptr;
  for (const TrialId& id : evaluation.waiting) {
    const Search& search = searches_.at(id.search);
    if (search.state == SearchState::kPaused) continue;
    if (owner == nullptr || search.spec->priority > owner->spec->priority) owner = &search;
  }
  if (owner == nullptr) {
    queue_.Remove(evaluation);
    return;
  }
  queue_.Add(evaluation, {.search = owner->id, .priority = owner->spec->priority});
  changes_->queued = true;
}

void State::EnqueueTrials(const Search& search) {
  for (std::size_t i = FirstOpenTrial(search); i < search.trials.size(); ++i) {
    if (search.trials[i].state != TrialState::kQueued) continue;
    Enqueue(evaluations_.at(search.trials[i].key));
  }
}

void State::SetTrialState(Trial& trial, TrialState state) {
  Search& search = searches_.at(trial.id.search);
  for (auto* counts : {&search.trials_by_state, &trial_counts_}) {
    --(*counts)[static_cast<int>(trial.state)];
    ++(*counts)[static_cast<int>(state)];
  }
  trial.state = state;
  changes_->trials.insert(trial.id);
  changes_->searches.insert(search.id);
  if (!HasEnded(state)) return;
  trial.end_time = now_;
  if (trial.purpose == TrialPurpose::kChild) {
    ++search.children_ended;
    ++search.episodes[trial.episode - 1].ended_count;
  }
  if (state == TrialState::kCompleted) {
    CountResult(search, trial, evaluations_.at(trial.key));
  }
}

void State::CountResult(Search& search, const Trial& trial, const Evaluation& evaluation) {
  if (trial.purpose == TrialPurpose::kReport || !evaluation.network.has_value()) return;
  const trial::Measurement& measurement = evaluation.result->measurement;
  if (trial.purpose == TrialPurpose::kStart) {
    search.start_wall_time = measurement.cost.wall_time;
  } else {
    if (!trial.cached) {
      ++search.distinct_children;
      search.children_wall_time += measurement.cost.wall_time;
    }
    search.max_preservation_error =
        std::max(search.max_preservation_error, measurement.preservation_error.value_or(0));
  }
  const std::optional<double> value = ObjectiveValue(search.spec->objective, measurement);
  if (!value.has_value()) return;
  const RankedNetwork entry{
      .value = *value, .trial = trial.id.number, .network = *evaluation.network};
  if (trial.purpose == TrialPurpose::kStart) {
    search.start_value = value;
  } else if (!search.best_child.has_value() || entry < *search.best_child) {
    search.best_child = entry;
  }
  const auto [known, inserted] = search.ranked.try_emplace(entry.network, entry);
  if (!inserted) {
    // Two trials made the same network: the order of their ends must not matter.
    if (!(entry < known->second)) return;
    search.ranking.erase(known->second);
    known->second = entry;
  }
  search.ranking.insert(entry);
}

std::size_t State::FirstOpenTrial(const Search& search) {
  // All trials before the last episode have ended.
  return search.episodes.empty() ? 0 : search.episodes.back().first_trial;
}

void State::GoOn(Search& search) {
  SearchState& state = search.state == SearchState::kPaused ? search.paused_state : search.state;
  if (state != SearchState::kReporting && state != SearchState::kSucceeded) return;
  CancelTrials(search);
  search.report.reset();
  search.end_time = absl::InfiniteFuture();
  if (search.state == SearchState::kPaused) {
    search.paused_state = SearchState::kRunning;
  } else {
    SetSearchState(search, SearchState::kRunning);
  }
}

void State::EndSearch(Search& search, SearchState state) {
  CancelTrials(search);
  SetSearchState(search, state);
}

void State::CancelTrials(Search& search) {
  for (std::size_t i = FirstOpenTrial(search); i < search.trials.size(); ++i) {
    Trial& trial = search.trials[i];
    if (HasEnded(trial.state)) continue;
    Evaluation& evaluation = evaluations_.at(trial.key);
    std::erase(evaluation.waiting, trial.id);
    SetTrialState(trial, TrialState::kCancelled);
    if (evaluation.waiting.empty()) {
      SetEvaluationState(evaluation, TrialState::kCancelled);
    } else if (evaluation.state == TrialState::kQueued) {
      Enqueue(evaluation);
    }
  }
}

}  // namespace graft::controller
