// The controller's side towards users: searches, trials, networks, data sets.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "services/controller/core/controller.h"
#include "services/controller/core/controller_transaction.h"
#include "services/controller/core/search_validation.h"

namespace graft::controller {
namespace {

constexpr std::size_t kMinPrefixDigits = 8;
constexpr std::size_t kDigestDigits = 64;
constexpr std::size_t kMaxDescriptionBytes = 128;

// The spec with everything filled in that the state knows.
absl::StatusOr<SearchSpec> Complete(const State& state, SearchSpec spec,
                                    const ExplorerFactory& explorers) {
  const Dataset* dataset =
      state.FindDataset(std::get<trial::ImageClassification>(spec.task).dataset);
  const Network* start = nullptr;
  if (spec.start_network.has_value()) {
    start = state.FindNetwork(*spec.start_network);
    if (start == nullptr) {
      return base::InvalidFieldError(
          "start_network",
          absl::StrCat("no network has the digest ", spec.start_network->ToString(),
                       "; `graft networks` lists what there is"));
    }
  }
  return CompleteSearchSpec(std::move(spec), dataset, start, explorers);
}

bool HasLabels(const SearchSpec& spec, const std::map<std::string, std::string>& labels) {
  return std::all_of(labels.begin(), labels.end(), [&](const auto& label) {
    const auto found = spec.labels.find(label.first);
    return found != spec.labels.end() && found->second == label.second;
  });
}

absl::Status HasEndedError(const Search& search) {
  return absl::FailedPreconditionError(absl::StrCat(ToString(search.id), " has ended: it is ",
                                                    base::ToAbsl(ToString(search.state))));
}

absl::Status NoSuch(std::string_view what) {
  return absl::NotFoundError(absl::StrCat("no ", base::ToAbsl(what)));
}

}  // namespace

absl::StatusOr<const DoneRequest*> Controller::FindDone(const RequestTag& request) const {
  if (request.id.empty()) return nullptr;
  const DoneRequest* done = state_.FindRequest(request.id);
  if (done == nullptr || done->content == request.content) return done;
  return absl::AlreadyExistsError(
      absl::StrCat("request_id `", request.id, "` was used for another request"));
}

absl::StatusOr<const Search*> Controller::FindSearch(SearchId id) const {
  const Search* search = state_.FindSearch(id);
  if (search == nullptr) return NoSuch(ToString(id));
  return search;
}

SearchView Controller::View(const Search& search) const { return MakeSearchView(search, workers_); }

TrialView Controller::View(const Trial& trial) const {
  const Evaluation& evaluation = *state_.FindEvaluation(trial.key);
  TrialView view{.trial = trial,
                 .spec = evaluation.spec,
                 .attempts = evaluation.attempt,
                 .worker = evaluation.worker,
                 .failure = evaluation.failure};
  if (const auto* derive = std::get_if<trial::Derive>(&evaluation.spec->origin)) {
    const trial::NetworkRef& parent = trial::Parent(*derive);
    view.parent = trial::DigestOf(parent.architecture.fingerprint(), parent.weights);
  }
  if (trial.state == TrialState::kCompleted) {
    view.result = evaluation.result;
    view.network = evaluation.network;
    view.epochs_done = evaluation.spec->recipe.epochs;
  } else if (const LeaseTable::Progress* progress = leases_.FindProgress(trial.key)) {
    view.epochs_done = progress->epochs_done;
  }
  return view;
}

// ---- Searches --------------------------------------------------------------------------------

absl::StatusOr<SearchView> Controller::ValidateSearch(SearchSpec spec) const {
  base::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(SearchSpec complete, Complete(state_, std::move(spec), explorers_));
  SearchView view;
  view.spec = std::make_shared<const SearchSpec>(std::move(complete));
  view.create_time = clock_->Now();
  return view;
}

absl::StatusOr<SearchView> Controller::CreateSearch(SearchSpec spec, const RequestTag& request) {
  Transaction transaction(this);
  ASSIGN_OR_RETURN(const DoneRequest* done, FindDone(request));
  if (done != nullptr) {
    ASSIGN_OR_RETURN(const Search* search, FindSearch(done->search));
    return View(*search);
  }
  ASSIGN_OR_RETURN(SearchSpec complete, Complete(state_, std::move(spec), explorers_));
  const SearchId id = state_.next_search();
  RETURN_IF_ERROR(
      Commit({SearchCreated{.search = id,
                            .spec = std::make_shared<const SearchSpec>(std::move(complete)),
                            .request = request}}));
  Advance();
  // A waiting worker may begin it.
  news_.work = true;
  return View(*state_.FindSearch(id));
}

absl::StatusOr<SearchView> Controller::Change(SearchId id, Event event) {
  RETURN_IF_ERROR(Commit({std::move(event)}));
  Advance();
  return View(*state_.FindSearch(id));
}

absl::StatusOr<SearchView> Controller::CancelSearch(SearchId id, const RequestTag& request) {
  Transaction transaction(this);
  ASSIGN_OR_RETURN(const DoneRequest* done, FindDone(request));
  ASSIGN_OR_RETURN(const Search* search, FindSearch(id));
  if (done != nullptr || HasEnded(search->state)) return View(*search);
  return Change(id, SearchCancelled{.search = id, .request = request});
}

absl::StatusOr<SearchView> Controller::PauseSearch(SearchId id, const RequestTag& request) {
  Transaction transaction(this);
  ASSIGN_OR_RETURN(const DoneRequest* done, FindDone(request));
  ASSIGN_OR_RETURN(const Search* search, FindSearch(id));
  if (done != nullptr || search->state == SearchState::kPaused) return View(*search);
  if (HasEnded(search->state)) return HasEndedError(*search);
  return Change(id, SearchPaused{.search = id, .request = request});
}

absl::StatusOr<SearchView> Controller::ResumeSearch(SearchId id, const RequestTag& request) {
  Transaction transaction(this);
  ASSIGN_OR_RETURN(const DoneRequest* done, FindDone(request));
  ASSIGN_OR_RETURN(const Search* search, FindSearch(id));
  if (HasEnded(search->state) && done == nullptr) return HasEndedError(*search);
  if (done != nullptr || search->state != SearchState::kPaused) return View(*search);
  // A waiting worker may begin it.
  news_.work = true;
  return Change(id, SearchResumed{.search = id, .request = request});
}

absl::StatusOr<SearchView> Controller::ExtendSearch(SearchId id, std::int64_t episodes,
                                                    const RequestTag& request) {
  Transaction transaction(this);
  ASSIGN_OR_RETURN(const DoneRequest* done, FindDone(request));
  ASSIGN_OR_RETURN(const Search* search, FindSearch(id));
  if (done != nullptr) return View(*search);
  if (search->state == SearchState::kFailed || search->state == SearchState::kCancelled) {
    return HasEndedError(*search);
  }
  const auto begun = static_cast<std::int64_t>(search->episodes.size());
  RETURN_IF_ERROR(CheckEpisodes("episodes", episodes, std::max<std::int64_t>(begun, 1)));
  return Change(id, SearchExtended{.search = id, .episodes = episodes, .request = request});
}

absl::Status Controller::DeleteSearch(SearchId id, const RequestTag& request) {
  Transaction transaction(this);
  ASSIGN_OR_RETURN(const DoneRequest* done, FindDone(request));
  if (done != nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Search* search, FindSearch(id));
  if (!HasEnded(search->state)) {
    return absl::FailedPreconditionError(absl::StrCat(ToString(id), " is ",
                                                      base::ToAbsl(ToString(search->state)),
                                                      ": cancel it before it is deleted"));
  }
  return Commit({SearchDeleted{.search = id, .request = request}});
}

absl::StatusOr<SearchView> Controller::GetSearch(SearchId id) const {
  base::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(const Search* search, FindSearch(id));
  return View(*search);
}

Page<SearchView, SearchId> Controller::ListSearches(
    const PageRequest<SearchId>& page, const std::map<std::string, std::string>& labels) const {
  base::MutexLock lock(&mutex_);
  const auto& searches = state_.searches();
  auto next = page.after ? searches.lower_bound(*page.after) : searches.end();
  Page<SearchView, SearchId> result;
  while (next != searches.begin()) {
    --next;
    if (!HasLabels(*next->second.spec, labels)) continue;
    if (result.items.size() == page.size) {
      result.next = result.items.back().id;
      break;
    }
    result.items.push_back(View(next->second));
  }
  return result;
}

// ---- Trials and networks ---------------------------------------------------------------------

absl::StatusOr<TrialView> Controller::GetTrial(TrialId id) const {
  base::MutexLock lock(&mutex_);
  const Trial* trial = state_.FindTrial(id);
  if (trial == nullptr) return NoSuch(ToString(id));
  return View(*trial);
}

absl::StatusOr<Page<TrialView, std::int64_t>> Controller::ListTrials(
    SearchId id, const PageRequest<std::int64_t>& page) const {
  base::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(const Search* search, FindSearch(id));
  const auto count = static_cast<std::int64_t>(search->trials.size());
  Page<TrialView, std::int64_t> result;
  for (std::int64_t i = std::max<std::int64_t>(page.after.value_or(-1), -1) + 1; i < count; ++i) {
    if (result.items.size() == page.size) {
      result.next = i - 1;
      break;
    }
    result.items.push_back(View(search->trials[i]));
  }
  return result;
}

absl::StatusOr<Network> Controller::GetNetwork(std::string_view prefix) const {
  if (prefix.size() < kMinPrefixDigits || prefix.size() > kDigestDigits) {
    return base::InvalidFieldError(
        "name", absl::StrCat("expected ", kMinPrefixDigits, " to ", kDigestDigits, " digits"));
  }
  std::string first(prefix);
  first.resize(kDigestDigits, '0');
  const absl::StatusOr<digest::NetworkDigest> bound = digest::NetworkDigest::Parse(first);
  if (!bound.ok()) {
    return base::InvalidFieldError("name", "expected lower-case hexadecimal digits");
  }
  base::MutexLock lock(&mutex_);
  const auto fits = [&](const auto& entry) {
    return absl::StartsWith(entry.first.ToString(), base::ToAbsl(prefix));
  };
  const auto found = state_.networks().lower_bound(*bound);
  if (found == state_.networks().end() || !fits(*found)) {
    return NoSuch(absl::StrCat("networks/", base::ToAbsl(prefix)));
  }
  if (const auto next = std::next(found); next != state_.networks().end() && fits(*next)) {
    return base::InvalidFieldError("name", "fits several networks; give more digits");
  }
  return found->second;
}

absl::StatusOr<Network> Controller::ImportNetwork(trial::NetworkRef network,
                                                  std::string description,
                                                  const RequestTag& request) {
  if (description.size() > kMaxDescriptionBytes || !base::IsValidUtf8(description)) {
    return base::InvalidFieldError(
        "description", absl::StrCat("expected at most ", kMaxDescriptionBytes, " bytes of UTF-8"));
  }
  Transaction transaction(this);
  ASSIGN_OR_RETURN(const DoneRequest* done, FindDone(request));
  if (done != nullptr) return *state_.FindNetwork(*done->network);
  const digest::NetworkDigest digest =
      trial::DigestOf(network.architecture.fingerprint(), network.weights);
  if (const Network* known = state_.FindNetwork(digest)) return *known;
  RETURN_IF_ERROR(Commit({NetworkImported{
      .network = std::move(network), .description = std::move(description), .request = request}}));
  return *state_.FindNetwork(digest);
}

absl::StatusOr<Page<EpisodeView, std::int64_t>> Controller::ListEpisodes(
    SearchId id, const PageRequest<std::int64_t>& page) const {
  base::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(const Search* search, FindSearch(id));
  const std::vector<Episode>& episodes = search->episodes;
  const auto count = static_cast<std::int64_t>(episodes.size());
  Page<EpisodeView, std::int64_t> result;
  // The cursor is the number of the last one seen.
  for (std::int64_t i = std::max<std::int64_t>(page.after.value_or(0), 0); i < count; ++i) {
    if (result.items.size() == page.size) {
      result.next = i;
      break;
    }
    result.items.push_back({.search = id, .episode = episodes[i]});
  }
  return result;
}

Page<Network, std::int64_t> Controller::ListNetworks(const PageRequest<std::int64_t>& page) const {
  base::MutexLock lock(&mutex_);
  const std::vector<digest::NetworkDigest>& by_age = state_.networks_by_age();
  const auto count = static_cast<std::int64_t>(by_age.size());
  Page<Network, std::int64_t> result;
  for (std::int64_t i = std::min(page.after.value_or(count), count) - 1; i >= 0; --i) {
    if (result.items.size() == page.size) {
      result.next = i + 1;
      break;
    }
    result.items.push_back(*state_.FindNetwork(by_age[i]));
  }
  return result;
}

absl::StatusOr<Page<Network, RankCursor>> Controller::ListSearchNetworks(
    SearchId id, const PageRequest<RankCursor>& page) const {
  base::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(const Search* search, FindSearch(id));
  const std::set<RankedNetwork>& ranking = search->ranking;
  auto next = ranking.begin();
  if (page.after.has_value() && !ranking.empty()) {
    // Ranks are compared by value and trial alone.
    next = ranking.upper_bound({.value = page.after->value,
                                .trial = page.after->trial,
                                .network = ranking.begin()->network});
  }
  Page<Network, RankCursor> result;
  const RankedNetwork* last = nullptr;
  for (; next != ranking.end(); ++next) {
    if (result.items.size() == page.size) {
      result.next = RankCursor{.value = last->value, .trial = last->trial};
      break;
    }
    last = &*next;
    result.items.push_back(*state_.FindNetwork(next->network));
  }
  return result;
}

// ---- Data sets -------------------------------------------------------------------------------

absl::StatusOr<Dataset> Controller::CreateDataset(Dataset dataset, const RequestTag& request) {
  RETURN_IF_ERROR(ValidateDatasetName(dataset.name));
  Transaction transaction(this);
  ASSIGN_OR_RETURN(const DoneRequest* done, FindDone(request));
  if (done != nullptr) return *state_.FindDataset(done->dataset);
  if (const Dataset* known = state_.FindDataset(dataset.name)) {
    if (known->digest == dataset.digest) return *known;
    return absl::AlreadyExistsError(absl::StrCat(
        "data set `", dataset.name, "` stands for another digest, ", known->digest.ToString()));
  }
  const std::string name = dataset.name;
  RETURN_IF_ERROR(Commit({DatasetRegistered{.dataset = std::move(dataset), .request = request}}));
  return *state_.FindDataset(name);
}

absl::StatusOr<Dataset> Controller::GetDataset(std::string_view name) const {
  base::MutexLock lock(&mutex_);
  const Dataset* dataset = state_.FindDataset(name);
  if (dataset == nullptr) return NoSuch(absl::StrCat("datasets/", base::ToAbsl(name)));
  return *dataset;
}

Page<Dataset, std::string> Controller::ListDatasets(const PageRequest<std::string>& page) const {
  base::MutexLock lock(&mutex_);
  const auto& datasets = state_.datasets();
  Page<Dataset, std::string> result;
  for (auto next = page.after ? datasets.upper_bound(*page.after) : datasets.begin();
       next != datasets.end(); ++next) {
    if (result.items.size() == page.size) {
      result.next = result.items.back().name;
      break;
    }
    result.items.push_back(next->second);
  }
  return result;
}

// ---- Watching --------------------------------------------------------------------------------

absl::StatusOr<std::optional<Update>> Controller::NextUpdate(WatchCursor& cursor) const {
  base::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(const Search* search, FindSearch(cursor.search_));
  if (cursor.position_.revision.sequence > state_.last_sequence()) {
    return base::InvalidFieldError("resume_token", "is not of this controller");
  }
  if (cursor.snapshot_next_.has_value()) return NextOfSnapshot(*search, cursor);
  const std::optional<ChangeFeed::Change> change = feed_.Next(search->id, cursor.position_);
  if (!change.has_value()) {
    if (HasEnded(search->state)) return absl::OutOfRangeError("the search has ended");
    return std::nullopt;
  }
  cursor.position_ = change->position;
  const std::int64_t sequence = change->position.revision.sequence;
  Update update{.resume_sequence = change->more_of_event ? sequence - 1 : sequence};
  if (change->position.item == ChangeFeed::kSearch) {
    update.item = View(*search);
  } else {
    update.item = View(search->trials[change->position.item]);
  }
  return update;
}

std::optional<Update> Controller::NextOfSnapshot(const Search& search, WatchCursor& cursor) const {
  const ChangeFeed::Item item = *cursor.snapshot_next_;
  Update update;
  if (item == ChangeFeed::kSearch) {
    // Whatever changes from here on is told after the snapshot.
    cursor.position_.revision = {.sequence = state_.last_sequence(), .beat = beat_};
    update.item = View(search);
  } else {
    update.item = View(search.trials[item]);
  }
  cursor.snapshot_next_ = item + 1;
  if (item + 1 == static_cast<std::int64_t>(search.trials.size())) {
    cursor.snapshot_next_.reset();
    update.resume_sequence = cursor.position_.revision.sequence;
  }
  return update;
}

}  // namespace graft::controller
