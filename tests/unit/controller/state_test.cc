#include "services/controller/core/state.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/trial/trial_key.h"
#include "services/controller/core/search_validation.h"
#include "services/controller/core/seeds.h"
#include "tests/unit/controller/fakes.h"

namespace graft::controller {
namespace {

constexpr SearchId kSearch{1};

// A state with a registered data set and ways to bring it further.
class StateTest : public testing::Test {
 protected:
  StateTest() { Must(DatasetRegistered{.dataset = FakeDataset()}); }

  absl::Status Apply(Event event) {
    changes_ = {};
    return state_.Apply({.sequence = state_.last_sequence() + 1,
                         .time = absl::FromUnixSeconds(1000 + state_.last_sequence()),
                         .event = std::move(event)},
                        &changes_);
  }
  void Must(Event event) {
    const absl::Status status = Apply(std::move(event));
    ASSERT_TRUE(status.ok()) << status;
  }

  void CreateSearch(SearchId id) {
    const Dataset dataset = FakeDataset();
    auto spec = CompleteSearchSpec(FakeSpec(), &dataset, nullptr, FakeExplorers());
    ASSERT_TRUE(spec.ok()) << spec.status();
    Must(SearchCreated{.search = id, .spec = std::make_shared<const SearchSpec>(*spec)});
  }

  // The start network's trial of a search; equal for all searches.
  TrialCreated StartTrial(SearchId id) {
    const SearchSpec& spec = *state_.FindSearch(id)->spec;
    auto trial = std::make_shared<const trial::TrialSpec>(
        trial::TrialSpec{.architecture = FakeStart(),
                         .origin = trial::Init{.seed = DeriveSeed(spec.seed, kInitSeed)},
                         .task = spec.task,
                         .recipe = spec.start_recipe});
    return {.trial = {.search = id, .number = 0},
            .purpose = TrialPurpose::kStart,
            .key = trial::KeyOf(*trial, kFakeClass),
            .numerics_class = kFakeClass,
            .spec = trial};
  }

  // Brings search `id` to its queued start trial.
  digest::TrialKey Begin(SearchId id) {
    CreateSearch(id);
    Must(SearchPinned{.search = id, .numerics_class = kFakeClass});
    const TrialCreated trial = StartTrial(id);
    Must(trial);
    return trial.key;
  }

  Event Lease(const digest::TrialKey& key, std::int64_t attempt = 1) {
    return EvaluationLeased{.key = key, .attempt = attempt, .worker = "w"};
  }
  Event Requeue(const digest::TrialKey& key, trial::FailureReason reason) {
    return EvaluationRequeued{.key = key, .attempt = 1, .failure = {.reason = reason}};
  }
  Event Complete(const digest::TrialKey& key) {
    return EvaluationCompleted{.key = key,
                               .attempt = 1,
                               .result = std::make_shared<const trial::TrialResult>(
                                   FakeResult(*state_.FindEvaluation(key)->spec))};
  }
  Event Fail(const digest::TrialKey& key, trial::FailureReason reason) {
    return EvaluationFailed{.key = key, .attempt = 1, .failure = {.reason = reason}};
  }

  State state_;
  Changes changes_;
};

// ---- Evaluations -----------------------------------------------------------------------------

struct EvaluationMove {
  TrialState from;
  std::string event;
  TrialState to;
};

const EvaluationMove kLegalMoves[] = {
    {TrialState::kQueued, "lease", TrialState::kLeased},
    {TrialState::kLeased, "requeue", TrialState::kQueued},
    {TrialState::kLeased, "complete", TrialState::kCompleted},
    {TrialState::kLeased, "fail", TrialState::kFailed},
};

class EvaluationMoveTest : public StateTest,
                           public testing::WithParamInterface<std::tuple<TrialState, std::string>> {
 protected:
  digest::TrialKey BringTo(TrialState state) {
    const digest::TrialKey key = Begin(kSearch);
    if (state == TrialState::kCancelled) Must(SearchCancelled{.search = kSearch});
    if (state == TrialState::kQueued || state == TrialState::kCancelled) return key;
    Must(Lease(key));
    if (state == TrialState::kCompleted) Must(Complete(key));
    if (state == TrialState::kFailed) Must(Fail(key, trial::FailureReason::kDiverged));
    return key;
  }

  Event EventOf(const std::string& name, const digest::TrialKey& key) {
    if (name == "lease") return Lease(key, state_.FindEvaluation(key)->attempt + 1);
    if (name == "requeue") return Requeue(key, trial::FailureReason::kLost);
    if (name == "complete") return Complete(key);
    return Fail(key, trial::FailureReason::kDiverged);
  }
};

TEST_P(EvaluationMoveTest, IsLegalOnlyAsListed) {
  const auto& [from, name] = GetParam();
  const digest::TrialKey key = BringTo(from);
  ASSERT_EQ(state_.FindEvaluation(key)->state, from);
  const absl::Status status = Apply(EventOf(name, key));
  for (const EvaluationMove& move : kLegalMoves) {
    if (move.from != from || move.event != name) continue;
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(state_.FindEvaluation(key)->state, move.to);
    EXPECT_EQ(state_.FindTrial({kSearch, 0})->state, move.to);
    return;
  }
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_EQ(state_.FindEvaluation(key)->state, from);
}

INSTANTIATE_TEST_SUITE_P(AllMoves, EvaluationMoveTest,
                         testing::Combine(testing::Values(TrialState::kQueued, TrialState::kLeased,
                                                          TrialState::kCompleted,
                                                          TrialState::kFailed,
                                                          TrialState::kCancelled),
                                          testing::Values("lease", "requeue", "complete", "fail")),
                         [](const auto& info) {
                           return std::string(ToString(std::get<0>(info.param))) + "_" +
                                  std::get<1>(info.param);
                         });

TEST_F(StateTest, AnotherAttemptThanTheCurrentOneCannotEndAnEvaluation) {
  const digest::TrialKey key = Begin(kSearch);
  Must(Lease(key));
  Must(Requeue(key, trial::FailureReason::kLost));
  Must(Lease(key, 2));
  EXPECT_TRUE(absl::IsDataLoss(Apply(Complete(key))));
}

TEST_F(StateTest, InterruptionsAndFailuresAreCountedApart) {
  const digest::TrialKey key = Begin(kSearch);
  Must(Lease(key));
  Must(Requeue(key, trial::FailureReason::kCrashed));
  EXPECT_EQ(state_.FindEvaluation(key)->interruptions, 1);
  EXPECT_EQ(state_.FindEvaluation(key)->failures, 0);
  Must(Lease(key, 2));
  Must(EvaluationRequeued{
      .key = key, .attempt = 2, .failure = {.reason = trial::FailureReason::kInternal}});
  EXPECT_EQ(state_.FindEvaluation(key)->interruptions, 1);
  EXPECT_EQ(state_.FindEvaluation(key)->failures, 1);
}

TEST_F(StateTest, CompletedEvaluationMakesANetworkAndRanksIt) {
  const digest::TrialKey key = Begin(kSearch);
  Must(Lease(key));
  Must(Complete(key));
  ASSERT_EQ(state_.networks().size(), 1u);
  const Network& network = state_.networks().begin()->second;
  EXPECT_EQ(network.ref.architecture.fingerprint(), FakeStart().fingerprint());
  EXPECT_EQ(network.trial, (TrialId{kSearch, 0}));
  const Search& search = *state_.FindSearch(kSearch);
  ASSERT_EQ(search.ranking.size(), 1u);
  EXPECT_EQ(search.ranking.begin()->network, network.digest);
  EXPECT_EQ(search.start_value, search.ranking.begin()->value);
  EXPECT_FALSE(search.best_child.has_value()) << "the start network is no child";
}

TEST_F(StateTest, EqualTrialsOfTwoSearchesShareOneEvaluation) {
  const digest::TrialKey key = Begin(kSearch);
  Must(Lease(key));
  const SearchId second{2};
  EXPECT_EQ(Begin(second), key);
  EXPECT_EQ(state_.FindTrial({second, 0})->state, TrialState::kLeased);
  EXPECT_TRUE(state_.FindTrial({second, 0})->cached);
  Must(Complete(key));
  EXPECT_EQ(state_.FindTrial({kSearch, 0})->state, TrialState::kCompleted);
  EXPECT_EQ(state_.FindTrial({second, 0})->state, TrialState::kCompleted);
}

TEST_F(StateTest, TrialOfAMeasuredEvaluationIsCompletedAtOnce) {
  const digest::TrialKey key = Begin(kSearch);
  Must(Lease(key));
  Must(Complete(key));
  const SearchId second{2};
  Begin(second);
  EXPECT_EQ(state_.FindTrial({second, 0})->state, TrialState::kCompleted);
  EXPECT_TRUE(state_.FindSearch(second)->start_value.has_value());
  EXPECT_TRUE(state_.queue().Empty(kFakeClass));
}

TEST_F(StateTest, CancelledSearchLeavesAnEvaluationThatAnotherNeeds) {
  const digest::TrialKey key = Begin(kSearch);
  const SearchId second{2};
  Begin(second);
  Must(SearchCancelled{.search = kSearch});
  EXPECT_EQ(state_.FindTrial({kSearch, 0})->state, TrialState::kCancelled);
  EXPECT_EQ(state_.FindEvaluation(key)->state, TrialState::kQueued);
  Must(SearchCancelled{.search = second});
  EXPECT_EQ(state_.FindEvaluation(key)->state, TrialState::kCancelled);
  EXPECT_TRUE(state_.queue().Empty(kFakeClass));
}

TEST_F(StateTest, CancelledEvaluationIsQueuedAgainWithAFreshAttemptNumber) {
  const digest::TrialKey key = Begin(kSearch);
  Must(Lease(key));
  Must(SearchCancelled{.search = kSearch});
  EXPECT_EQ(changes_.released.count(key), 1u);
  Begin({2});
  EXPECT_EQ(state_.FindEvaluation(key)->state, TrialState::kQueued);
  EXPECT_FALSE(state_.FindTrial({{2}, 0})->cached);
  EXPECT_TRUE(absl::IsDataLoss(Apply(Complete(key)))) << "attempt 1 was of the first search";
}

TEST_F(StateTest, DeterministicFailureIsSharedAndAPassingOneIsNot) {
  const digest::TrialKey key = Begin(kSearch);
  Must(Lease(key));
  Must(Fail(key, trial::FailureReason::kDiverged));
  Begin({2});
  EXPECT_EQ(state_.FindTrial({{2}, 0})->state, TrialState::kFailed);

  State fresh;
  std::swap(state_, fresh);
  Must(DatasetRegistered{.dataset = FakeDataset()});
  Begin(kSearch);
  Must(Lease(key));
  Must(Fail(key, trial::FailureReason::kInternal));
  Begin({2});
  EXPECT_EQ(state_.FindTrial({{2}, 0})->state, TrialState::kQueued);
}

// ---- Searches --------------------------------------------------------------------------------

class SearchMoveTest : public StateTest,
                       public testing::WithParamInterface<std::tuple<SearchState, std::string>> {
 protected:
  void BringTo(SearchState state) {
    CreateSearch(kSearch);
    if (state == SearchState::kPending) return;
    if (state == SearchState::kFailed) return Must(SearchFailed{.search = kSearch});
    if (state == SearchState::kCancelled) return Must(SearchCancelled{.search = kSearch});
    Must(SearchPinned{.search = kSearch, .numerics_class = kFakeClass});
    if (state == SearchState::kRunning) return;
    if (state == SearchState::kPaused) return Must(SearchPaused{.search = kSearch});
    Must(SearchReporting{.search = kSearch});
    if (state == SearchState::kSucceeded) Must(Succeeded());
  }

  static Event Succeeded() {
    return SearchSucceeded{
        .search = kSearch,
        .report = {.best_network = digest::NetworkDigest(digest::Sha256("network"))}};
  }

  static Event EventOf(const std::string& name) {
    if (name == "pin") return SearchPinned{.search = kSearch, .numerics_class = kFakeClass};
    if (name == "report") return SearchReporting{.search = kSearch};
    if (name == "succeed") return Succeeded();
    if (name == "fail") return SearchFailed{.search = kSearch, .error = "why"};
    if (name == "pause") return SearchPaused{.search = kSearch};
    if (name == "resume") return SearchResumed{.search = kSearch};
    if (name == "extend") return SearchExtended{.search = kSearch, .episodes = 5};
    if (name == "delete") return SearchDeleted{.search = kSearch};
    return SearchCancelled{.search = kSearch};
  }
};

TEST_P(SearchMoveTest, IsLegalOnlyAsListed) {
  const std::set<std::tuple<SearchState, std::string>> legal = {
      {SearchState::kPending, "pin"},       {SearchState::kPending, "fail"},
      {SearchState::kPending, "cancel"},    {SearchState::kRunning, "report"},
      {SearchState::kRunning, "fail"},      {SearchState::kRunning, "cancel"},
      {SearchState::kReporting, "succeed"}, {SearchState::kReporting, "fail"},
      {SearchState::kReporting, "cancel"},  {SearchState::kPending, "pause"},
      {SearchState::kRunning, "pause"},     {SearchState::kReporting, "pause"},
      {SearchState::kPaused, "resume"},     {SearchState::kPaused, "fail"},
      {SearchState::kPaused, "cancel"},     {SearchState::kPending, "extend"},
      {SearchState::kRunning, "extend"},    {SearchState::kReporting, "extend"},
      {SearchState::kPaused, "extend"},     {SearchState::kSucceeded, "extend"},
      {SearchState::kSucceeded, "delete"},  {SearchState::kFailed, "delete"},
      {SearchState::kCancelled, "delete"},
  };
  const auto& [from, name] = GetParam();
  BringTo(from);
  ASSERT_EQ(state_.FindSearch(kSearch)->state, from);
  const absl::Status status = Apply(EventOf(name));
  EXPECT_EQ(status.ok(), legal.contains(GetParam())) << status;
  if (!status.ok()) {
    EXPECT_EQ(state_.FindSearch(kSearch)->state, from);
  }
}

INSTANTIATE_TEST_SUITE_P(
    AllMoves, SearchMoveTest,
    testing::Combine(testing::Values(SearchState::kPending, SearchState::kRunning,
                                     SearchState::kReporting, SearchState::kPaused,
                                     SearchState::kSucceeded, SearchState::kFailed,
                                     SearchState::kCancelled),
                     testing::Values("pin", "report", "succeed", "fail", "cancel", "pause",
                                     "resume", "extend", "delete")),
    [](const auto& info) {
      return std::string(ToString(std::get<0>(info.param))) + "_" + std::get<1>(info.param);
    });

TEST_F(StateTest, PausedSearchGoesOnAsWhatItWas) {
  const digest::TrialKey key = Begin(kSearch);
  Must(SearchPaused{.search = kSearch});
  EXPECT_TRUE(state_.queue().Empty(kFakeClass));
  EXPECT_EQ(state_.FindTrial({kSearch, 0})->state, TrialState::kQueued);
  Must(SearchResumed{.search = kSearch});
  EXPECT_EQ(state_.FindSearch(kSearch)->state, SearchState::kRunning);
  EXPECT_FALSE(state_.queue().Empty(kFakeClass));
  EXPECT_TRUE(changes_.queued);
  Must(Lease(key));
}

TEST_F(StateTest, TrialOfAPausedSearchIsQueuedForAnotherThatNeedsIt) {
  Begin(kSearch);
  Must(SearchPaused{.search = kSearch});
  Begin({2});
  EXPECT_FALSE(state_.queue().Empty(kFakeClass));
  Must(SearchPaused{.search = {2}});
  EXPECT_TRUE(state_.queue().Empty(kFakeClass));
  Must(SearchCancelled{.search = {2}});
  EXPECT_TRUE(state_.queue().Empty(kFakeClass));
  Must(SearchResumed{.search = kSearch});
  EXPECT_FALSE(state_.queue().Empty(kFakeClass));
}

TEST_F(StateTest, AttemptThatEndsWhileItsSearchIsPausedWaits) {
  const digest::TrialKey key = Begin(kSearch);
  Must(Lease(key));
  Must(SearchPaused{.search = kSearch});
  Must(Requeue(key, trial::FailureReason::kLost));
  EXPECT_TRUE(state_.queue().Empty(kFakeClass));
  Must(SearchResumed{.search = kSearch});
  EXPECT_FALSE(state_.queue().Empty(kFakeClass));
}

TEST_F(StateTest, ExtensionTakesBackTheReport) {
  CreateSearch(kSearch);
  Must(SearchPinned{.search = kSearch, .numerics_class = kFakeClass});
  Must(SearchReporting{.search = kSearch});
  const digest::TrialKey key = StartTrial(kSearch).key;
  Must(StartTrial(kSearch));
  Must(SearchExtended{.search = kSearch, .episodes = 3});
  EXPECT_EQ(state_.FindSearch(kSearch)->state, SearchState::kRunning);
  EXPECT_EQ(state_.FindEvaluation(key)->state, TrialState::kCancelled);
  EXPECT_TRUE(state_.active_searches().contains(kSearch));
}

TEST_F(StateTest, DeletedSearchLeavesItsNetworksAndItsNumber) {
  const digest::TrialKey key = Begin(kSearch);
  Must(Lease(key));
  Must(Complete(key));
  Must(SearchCancelled{.search = kSearch});
  Must(SearchDeleted{.search = kSearch});
  EXPECT_EQ(state_.FindSearch(kSearch), nullptr);
  EXPECT_EQ(state_.FindTrial({kSearch, 0}), nullptr);
  EXPECT_EQ(state_.networks().size(), 1u);
  EXPECT_EQ(state_.next_search(), (SearchId{2}));
  EXPECT_EQ(state_.trial_counts()[static_cast<int>(TrialState::kCompleted)], 0);
  EXPECT_EQ(state_.search_counts()[static_cast<int>(SearchState::kCancelled)], 0);
  Begin({2});
  EXPECT_EQ(state_.FindTrial({{2}, 0})->state, TrialState::kCompleted) << "the cache keeps it";
}

TEST_F(StateTest, EventOutOfSequenceIsDataLoss) {
  EXPECT_TRUE(absl::IsDataLoss(state_.Apply(
      {.sequence = state_.last_sequence() + 2, .event = SearchReporting{.search = kSearch}},
      &changes_)));
}

TEST_F(StateTest, CountsByStateFollowTheTrials) {
  const digest::TrialKey key = Begin(kSearch);
  EXPECT_EQ(state_.trial_counts()[static_cast<int>(TrialState::kQueued)], 1);
  Must(Lease(key));
  EXPECT_EQ(state_.trial_counts()[static_cast<int>(TrialState::kQueued)], 0);
  EXPECT_EQ(state_.trial_counts()[static_cast<int>(TrialState::kLeased)], 1);
  EXPECT_EQ(state_.search_counts()[static_cast<int>(SearchState::kRunning)], 1);
}

}  // namespace
}  // namespace graft::controller
