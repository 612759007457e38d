#include "services/controller/core/search_driver.h"

#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/digest/sha256.h"
#include "common/trial/trial_key.h"
#include "services/controller/core/seeds.h"

namespace graft::controller {
namespace {

absl::StatusOr<Event> MakeTrial(const Search& search, std::int64_t number, TrialPurpose purpose,
                                std::int64_t episode, trial::TrialSpec spec) {
  RETURN_IF_ERROR(trial::Validate(spec));
  const digest::TrialKey key = trial::KeyOf(spec, search.numerics_class);
  return TrialCreated{.trial = {.search = search.id, .number = number},
                      .purpose = purpose,
                      .episode = episode,
                      .key = key,
                      .numerics_class = search.numerics_class,
                      .spec = std::make_shared<const trial::TrialSpec>(std::move(spec))};
}

std::string WhyFailed(const State& state, const Trial& trial) {
  const std::optional<trial::Failure>& failure = state.FindEvaluation(trial.key)->failure;
  if (!failure.has_value()) return std::string(ToString(trial.state));
  return absl::StrCat(base::ToAbsl(ToString(failure->reason)), ": ", failure->message);
}

// Metric of a report trial, as measured; absent if the trial failed or did not measure it.
std::optional<double> ReportedMetric(const State& state, const Search& search, const Trial& trial) {
  if (trial.state != TrialState::kCompleted) return std::nullopt;
  const std::optional<double> value =
      ObjectiveValue(search.spec->objective, state.FindEvaluation(trial.key)->result->measurement);
  if (!value.has_value()) return std::nullopt;
  return search.spec->objective.minimize ? -*value : *value;
}

trial::Init FreshStart(const Search& search) {
  return {.seed = DeriveSeed(search.spec->seed, kInitSeed)};
}

// `network`, as it is.
trial::Derive Inherit(const trial::NetworkRef& network) {
  trial::Derive derive{.inputs = {{.role = trial::kParentRole, .network = network}}};
  derive.edit_seed = trial::DefaultEditSeed(derive.inputs, derive.edits);
  return derive;
}

absl::StatusOr<Step> TrainStartNetwork(const State& state, const Search& search,
                                       const arch::Architecture& start) {
  trial::TrialSpec spec{.architecture = start,
                        .origin = FreshStart(search),
                        .task = search.spec->task,
                        .recipe = search.spec->start_recipe};
  if (search.spec->start_network.has_value()) {
    spec.origin = Inherit(state.FindNetwork(*search.spec->start_network)->ref);
  }
  ASSIGN_OR_RETURN(Event trial, MakeTrial(search, 0, TrialPurpose::kStart, 0, std::move(spec)));
  return Step{.events = {std::move(trial)}};
}

absl::StatusOr<Step> QueueEpisode(const State& state, const Search& search,
                                  std::vector<PlannedChild> children) {
  EpisodeProposed proposed{.search = search.id,
                           .episode = static_cast<std::int64_t>(search.episodes.size()) + 1};
  std::vector<Event> trials;
  auto number = static_cast<std::int64_t>(search.trials.size());
  for (PlannedChild& child : children) {
    const Network& parent = *state.FindNetwork(child.proposal.parent);
    trial::TrialSpec spec{
        .architecture = child.architecture,
        .origin = trial::Derive{.inputs = {{.role = trial::kParentRole, .network = parent.ref}},
                                .edits = child.proposal.edits,
                                .edit_seed = child.proposal.edit_seed},
        .task = search.spec->task,
        .recipe = search.spec->recipe};
    if (search.spec->from_scratch) spec.origin = FreshStart(search);
    ASSIGN_OR_RETURN(Event trial, MakeTrial(search, number++, TrialPurpose::kChild,
                                            proposed.episode, std::move(spec)));
    trials.push_back(std::move(trial));
    proposed.children.push_back(std::move(child.proposal));
  }
  trials.insert(trials.begin(), std::move(proposed));
  return Step{.events = std::move(trials)};
}

// Measures a network, as it is, on the test images.
trial::TrialSpec TestOf(const Search& search, const Network& network) {
  trial::TrialSpec spec{.architecture = network.ref.architecture,
                        .origin = Inherit(network.ref),
                        .task = search.spec->task,
                        .recipe = search.spec->recipe};
  std::get<trial::ImageClassification>(spec.task).evaluation_split = trial::Split::kTest;
  spec.recipe.epochs = 0;
  return spec;
}

absl::StatusOr<Step> QueueReport(const State& state, const Search& search) {
  const digest::NetworkDigest start = *state.FindEvaluation(search.trials[0].key)->network;
  std::vector<Event> events{SearchReporting{.search = search.id}};
  auto number = static_cast<std::int64_t>(search.trials.size());
  for (const digest::NetworkDigest& network : {start, search.best_child->network}) {
    ASSIGN_OR_RETURN(Event trial, MakeTrial(search, number++, TrialPurpose::kReport,
                                            static_cast<std::int64_t>(search.episodes.size()),
                                            TestOf(search, *state.FindNetwork(network))));
    events.push_back(std::move(trial));
  }
  return Step{.events = std::move(events)};
}

// OK if at least one child of the episode has a value.
absl::Status CheckEpisode(const State& state, const Search& search, const Episode& episode) {
  for (size_t i = 0; i < episode.children.size(); ++i) {
    const Trial& trial = search.trials[episode.first_trial + i];
    if (trial.state != TrialState::kCompleted) continue;
    const Evaluation& evaluation = *state.FindEvaluation(trial.key);
    if (ObjectiveValue(search.spec->objective, evaluation.result->measurement)) {
      return absl::OkStatus();
    }
  }
  const Trial& first = search.trials[episode.first_trial];
  if (first.state == TrialState::kCompleted) {
    return absl::FailedPreconditionError(absl::StrCat("no child of episode ", episode.number,
                                                      " has a finite metric `",
                                                      search.spec->objective.metric, "`"));
  }
  return absl::FailedPreconditionError(absl::StrCat("all children of episode ", episode.number,
                                                    " failed, the first one as ",
                                                    WhyFailed(state, first)));
}

absl::StatusOr<Step> FinishEpisode(const State& state, const Search& search,
                                   const SessionProvider& provider) {
  const Episode& episode = search.episodes.back();
  if (!episode.AllEnded()) return Step();
  RETURN_IF_ERROR(CheckEpisode(state, search, episode));
  ASSIGN_OR_RETURN(PolicySession * session, provider());
  ASSIGN_OR_RETURN(std::string learned, session->Observe(state, search, episode));
  EpisodeObserved observed{.search = search.id,
                           .episode = episode.number,
                           .policy_digest = digest::Sha256(learned).ToHex()};
  for (size_t i = 0; i < episode.children.size(); ++i) {
    observed.trials.push_back(episode.first_trial + static_cast<std::int64_t>(i));
  }
  return Step{.events = {std::move(observed)},
              .snapshot = PolicySnapshot{.search = search.id, .state = std::move(learned)}};
}

absl::StatusOr<Step> NextRunningStep(const State& state, const Search& search,
                                     const SessionProvider& provider) {
  if (search.trials.empty()) {
    ASSIGN_OR_RETURN(PolicySession * session, provider());
    return TrainStartNetwork(state, search, session->start());
  }
  const Trial& start = search.trials[0];
  if (!HasEnded(start.state)) return Step();
  if (start.state != TrialState::kCompleted) {
    return absl::FailedPreconditionError(
        absl::StrCat("the start network's trial failed as ", WhyFailed(state, start)));
  }
  if (!search.start_value.has_value()) {
    return absl::FailedPreconditionError(absl::StrCat("the start network has no finite metric `",
                                                      search.spec->objective.metric, "`"));
  }
  if (!search.episodes.empty() && search.episodes.back().policy_digest.empty()) {
    return FinishEpisode(state, search, provider);
  }
  if (static_cast<std::int64_t>(search.episodes.size()) == search.spec->episodes) {
    return QueueReport(state, search);
  }
  ASSIGN_OR_RETURN(PolicySession * session, provider());
  ASSIGN_OR_RETURN(std::vector<PlannedChild> children,
                   session->Propose(state, search, ChooseParents(state, search)));
  return QueueEpisode(state, search, std::move(children));
}

absl::StatusOr<Step> NextReportingStep(const State& state, const Search& search) {
  const Trial& start = search.trials[search.trials.size() - 2];
  const Trial& best = search.trials[search.trials.size() - 1];
  for (const Trial* trial : {&start, &best}) {
    if (trial->state == TrialState::kFailed) {
      return absl::FailedPreconditionError(
          absl::StrCat("the measurement on the test images failed as ", WhyFailed(state, *trial)));
    }
  }
  if (!HasEnded(start.state) || !HasEnded(best.state)) return Step();
  const std::optional<double> start_value = ReportedMetric(state, search, start);
  const std::optional<double> best_value = ReportedMetric(state, search, best);
  if (!start_value.has_value() || !best_value.has_value()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the measurement on the test images has no finite metric `",
                     search.spec->objective.metric, "`"));
  }
  return Step{.events = {SearchSucceeded{.search = search.id,
                                         .report = {.start_value = *start_value,
                                                    .best_value = *best_value,
                                                    .best_network = search.best_child->network}}}};
}

}  // namespace

std::vector<digest::NetworkDigest> ChooseParents(const State& state, const Search& search) {
  std::vector<digest::NetworkDigest> best;
  if (search.spec->episode_start == EpisodeStart::kRestart) {
    best.push_back(*state.FindEvaluation(search.trials[0].key)->network);
  } else {
    for (const RankedNetwork& entry : search.ranking) {
      if (static_cast<std::int64_t>(best.size()) == search.spec->parents) break;
      best.push_back(entry.network);
    }
  }
  std::vector<digest::NetworkDigest> parents;
  for (std::int64_t i = 0; i < search.spec->children_per_episode; ++i) {
    parents.push_back(best[i % best.size()]);
  }
  return parents;
}

absl::StatusOr<Step> NextStep(const State& state, const Search& search,
                              const SessionProvider& session) {
  switch (search.state) {
    case SearchState::kRunning:
      return NextRunningStep(state, search, session);
    case SearchState::kReporting:
      return NextReportingStep(state, search);
    case SearchState::kPending:
    case SearchState::kPaused:
    case SearchState::kSucceeded:
    case SearchState::kFailed:
    case SearchState::kCancelled:
      return Step();
  }
  return Step();
}

}  // namespace graft::controller
