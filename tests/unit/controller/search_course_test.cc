// The course of searches, and how equal ones share evaluations.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <variant>
#include <vector>

#include "services/controller/core/controller.h"
#include "tests/unit/controller/testing.h"

namespace graft::controller {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST_F(ControllerTest, SearchRunsFromSubmissionToReport) {
  const SearchId id = Create().id;
  EXPECT_EQ(Get(id).state, SearchState::kPending);
  ASSERT_TRUE(worker_->Work().ok());
  const SearchView search = Get(id);
  EXPECT_EQ(search.state, SearchState::kSucceeded) << search.error;
  EXPECT_EQ(search.numerics_class, kFakeClass);
  EXPECT_EQ(search.progress.episode, 2);
  ASSERT_TRUE(search.report.has_value());
  EXPECT_EQ(search.report->best_network, search.progress.best_network);
  EXPECT_EQ(search.progress.max_preservation_error, 1e-6);
  const auto trials = controller_->ListTrials(id, {.size = 100});
  ASSERT_TRUE(trials.ok());
  EXPECT_THAT(trials->items, SizeIs(1 + 2 * 4 + 2));
}

TEST_F(ControllerTest, TrialZeroTrainsTheStartNetworkByTheStartRecipe) {
  Create();
  const LeaseView lease = LeaseOne();
  EXPECT_EQ(lease.spec->architecture.fingerprint(), FakeStart().fingerprint());
  EXPECT_EQ(lease.spec->recipe.epochs, 2);
  EXPECT_TRUE(std::holds_alternative<trial::Init>(lease.spec->origin));
}

TEST_F(ControllerTest, NextEpisodeWaitsUntilAllChildrenHaveEnded) {
  Create();
  ASSERT_TRUE(worker_->Complete(LeaseOne()).ok());
  const auto children = worker_->Lease(10);
  ASSERT_TRUE(children.ok());
  ASSERT_THAT(*children, SizeIs(4));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(worker_->Complete(children->at(i)).ok());
  EXPECT_THAT(*worker_->Lease(10), IsEmpty());
  ASSERT_TRUE(worker_->Complete(children->at(3)).ok());
  EXPECT_THAT(*worker_->Lease(10), SizeIs(4));
}

TEST_F(ControllerTest, ReportMeasuresStartAndBestChildOnTestImagesWithoutTraining) {
  const SearchId id = Create().id;
  ASSERT_TRUE(worker_->Work().ok());
  const SearchView search = Get(id);
  std::vector<digest::NetworkDigest> measured;
  for (const std::int64_t number : {9, 10}) {
    const TrialView trial = GetTrial(id, number);
    EXPECT_EQ(trial.trial.purpose, TrialPurpose::kReport);
    EXPECT_EQ(trial.spec->recipe.epochs, 0);
    EXPECT_EQ(std::get<trial::ImageClassification>(trial.spec->task).evaluation_split,
              trial::Split::kTest);
    EXPECT_FALSE(trial.network.has_value());
    measured.push_back(*trial.parent);
  }
  EXPECT_EQ(measured[0], *GetTrial(id, 0).network);
  EXPECT_EQ(measured[1], *search.progress.best_network);
}

TEST_F(ControllerTest, GrowOnTakesTheBestNetworksInTurn) {
  const SearchId id = Create().id;
  ASSERT_TRUE(worker_->Complete(LeaseOne()).ok());
  const auto first = worker_->Lease(10);
  ASSERT_TRUE(first.ok());
  for (const LeaseView& lease : *first) ASSERT_TRUE(worker_->Complete(lease).ok());
  const auto ranking = controller_->ListSearchNetworks(id, {.size = 2});
  ASSERT_TRUE(ranking.ok());
  const digest::NetworkDigest best = ranking->items[0].digest;
  const digest::NetworkDigest second = ranking->items[1].digest;
  std::vector<digest::NetworkDigest> parents;
  for (std::int64_t i = 5; i < 9; ++i) parents.push_back(*GetTrial(id, i).parent);
  EXPECT_THAT(parents, ElementsAre(best, second, best, second));
}

TEST_F(ControllerTest, RestartTakesTheStartNetworkEveryTime) {
  SearchSpec spec = FakeSpec();
  spec.episode_start = EpisodeStart::kRestart;
  const SearchId id = Create(spec).id;
  ASSERT_TRUE(worker_->Work().ok());
  const digest::NetworkDigest start = *GetTrial(id, 0).network;
  for (std::int64_t i = 1; i < 9; ++i) EXPECT_EQ(GetTrial(id, i).parent, start);
}

TEST_F(ControllerTest, ChildrenFromScratchInheritNothing) {
  SearchSpec spec = FakeSpec();
  spec.from_scratch = true;
  const SearchId id = Create(spec).id;
  ASSERT_TRUE(worker_->Work().ok());
  EXPECT_EQ(Get(id).state, SearchState::kSucceeded) << Get(id).error;
  const digest::NetworkDigest start = *GetTrial(id, 0).network;
  for (std::int64_t i = 1; i < 9; ++i) {
    const TrialView child = GetTrial(id, i);
    EXPECT_TRUE(std::holds_alternative<trial::Init>(child.spec->origin));
    EXPECT_NE(child.spec->architecture.fingerprint(), FakeStart().fingerprint());
    EXPECT_NE(child.network, start);
  }
  EXPECT_EQ(controller_->ListEpisodes(id, {})->items[0].episode.children[0].parent, start)
      << "what it was grown from, as an architecture, is still known";
}

TEST_F(ControllerTest, EqualChildrenOfAnEpisodeAreDrawnAgain) {
  SearchSpec spec = FakeSpec();
  spec.episode_start = EpisodeStart::kRestart;
  spec.episodes = 1;
  spec.children_per_episode = 8;  // as many as there are different ones
  spec.max_redraws = 1000;
  const SearchId id = Create(spec).id;
  ASSERT_TRUE(worker_->Work().ok());
  EXPECT_EQ(Get(id).progress.distinct_children, 8);
}

TEST_F(ControllerTest, WithoutRedrawsEqualChildrenAreMerged) {
  SearchSpec spec = FakeSpec();
  spec.episode_start = EpisodeStart::kRestart;
  spec.episodes = 1;
  spec.children_per_episode = 16;
  spec.max_redraws = 0;
  const SearchId id = Create(spec).id;
  ASSERT_TRUE(worker_->Work().ok());
  const SearchView search = Get(id);
  EXPECT_EQ(search.state, SearchState::kSucceeded) << search.error;
  EXPECT_LE(search.progress.distinct_children, 8);
}

TEST_F(ControllerTest, FailedStartTrialFailsTheSearchWithItsReason) {
  const SearchId id = Create().id;
  ASSERT_TRUE(worker_->Fail(LeaseOne(), trial::FailureReason::kDiverged).ok());
  EXPECT_EQ(Get(id).state, SearchState::kFailed);
  EXPECT_THAT(Get(id).error, HasSubstr("diverged: as told"));
}

TEST_F(ControllerTest, EpisodeGoesOnWithoutItsFailedChildren) {
  const SearchId id = Create().id;
  ASSERT_TRUE(worker_->Complete(LeaseOne()).ok());
  ASSERT_TRUE(worker_->Fail(LeaseOne(), trial::FailureReason::kOutOfMemory).ok());
  ASSERT_TRUE(worker_->Work().ok());
  EXPECT_EQ(Get(id).state, SearchState::kSucceeded) << Get(id).error;
}

TEST_F(ControllerTest, EpisodeWhoseChildrenAllFailEndsTheSearch) {
  const SearchId id = Create().id;
  ASSERT_TRUE(worker_->Complete(LeaseOne()).ok());
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(worker_->Fail(LeaseOne(), trial::FailureReason::kNotPreserved).ok());
  }
  EXPECT_EQ(Get(id).state, SearchState::kFailed);
  EXPECT_THAT(Get(id).error, HasSubstr("not preserved"));
}

TEST_F(ControllerTest, ObjectiveWithoutAFiniteValueFailsTheSearch) {
  const SearchId id = Create().id;
  const LeaseView start = LeaseOne();
  trial::TrialResult result = FakeResult(*start.spec);
  result.measurement.metrics.erase("accuracy");
  ASSERT_TRUE(controller_->ReportTrial(worker_->info().name, start.attempt, result).ok());
  EXPECT_EQ(Get(id).state, SearchState::kFailed);
  EXPECT_THAT(Get(id).error, HasSubstr("accuracy"));
}

TEST_F(ControllerTest, MinimizedObjectiveRanksTheSmallestFirst) {
  SearchSpec spec = FakeSpec();
  spec.objective = {.metric = "loss", .minimize = true};
  const SearchId id = Create(spec).id;
  ASSERT_TRUE(worker_->Work().ok());
  const auto networks = controller_->ListSearchNetworks(id, {.size = 100});
  ASSERT_TRUE(networks.ok());
  double last = 0;
  for (const Network& network : networks->items) {
    const double loss = network.result->measurement.metrics.at("loss");
    EXPECT_GE(loss, last);
    last = loss;
  }
  EXPECT_GT(*Get(id).progress.best_value, 0) << "told as measured, not turned around";
}

TEST_F(ControllerTest, TimeLeftComesFromMeanWallTimeAndSlots) {
  const SearchId id = Create().id;
  EXPECT_FALSE(Get(id).progress.time_left.has_value());
  ASSERT_TRUE(worker_->Complete(LeaseOne()).ok());
  // Start: 10 s for 2 epochs, so 5 s a child; 4 children on 4 slots twice.
  EXPECT_EQ(Get(id).progress.time_left, absl::Seconds(10));
  ASSERT_TRUE(worker_->Complete(LeaseOne()).ok());
  // A child took 10 s.
  EXPECT_EQ(Get(id).progress.time_left, absl::Seconds(20));
}

TEST_F(ControllerTest, EqualSearchIsAnsweredFromTheCache) {
  const SearchId first = Create().id;
  ASSERT_TRUE(worker_->Work().ok());
  const std::size_t events = log_.records().size();
  const SearchId second = Create().id;
  EXPECT_THAT(*worker_->Lease(4), IsEmpty()) << "nothing is left to run";
  EXPECT_EQ(Get(second).state, SearchState::kSucceeded) << Get(second).error;
  EXPECT_EQ(Get(second).report->best_value, Get(first).report->best_value);
  EXPECT_EQ(Get(second).progress.distinct_children, 0);
  for (std::size_t i = events; i < log_.records().size(); ++i) {
    EXPECT_FALSE(std::holds_alternative<EvaluationLeased>(log_.records()[i].event));
  }
}

TEST_F(ControllerTest, EqualSearchesInFlightAreEvaluatedOnce) {
  const SearchId first = Create().id;
  const SearchId second = Create().id;
  ASSERT_TRUE(worker_->Work().ok());
  EXPECT_EQ(Get(first).state, SearchState::kSucceeded);
  EXPECT_EQ(Get(second).state, SearchState::kSucceeded);
  std::set<digest::TrialKey> leased;
  for (const Record& record : log_.records()) {
    if (const auto* lease = std::get_if<EvaluationLeased>(&record.event)) {
      EXPECT_TRUE(leased.insert(lease->key).second) << "leased twice";
    }
  }
  EXPECT_EQ(Get(first).progress.distinct_children + Get(second).progress.distinct_children,
            static_cast<std::int64_t>(leased.size()) - 3)
      << "all but the start trial and two measurements on test images";
}

TEST_F(ControllerTest, StatsCountWhatThereIs) {
  Create();
  LeaseOne();
  clock_.Advance(absl::Seconds(7));
  const Stats stats = controller_->GetStats();
  EXPECT_EQ(stats.searches_by_state[static_cast<int>(SearchState::kRunning)], 1);
  EXPECT_EQ(stats.trials_by_state[static_cast<int>(TrialState::kLeased)], 1);
  EXPECT_EQ(stats.leases, 1);
  EXPECT_EQ(stats.workers, 1);
  EXPECT_EQ(stats.since_progress, absl::Seconds(7));
  ASSERT_THAT(stats.searches, SizeIs(1));
  EXPECT_EQ(stats.searches[0].policy.at("entropy"), 0.5);
}

TEST_F(ControllerTest, StatsTellOfASearchUntilAWhileAfterItsEnd) {
  Create();
  ASSERT_TRUE(worker_->Work().ok());
  controller_->Tick();
  ASSERT_THAT(controller_->GetStats().searches, SizeIs(1));
  EXPECT_EQ(controller_->GetStats().searches[0].policy.at("entropy"), 0.5);
  EXPECT_EQ(controller_->GetStats().since_progress, absl::ZeroDuration());
  clock_.Advance(absl::Minutes(3));
  controller_->Tick();
  EXPECT_THAT(controller_->GetStats().searches, IsEmpty());
}

}  // namespace
}  // namespace graft::controller
