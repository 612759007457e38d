#include "services/controller/core/controller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "common/base/fake_clock.h"
#include "common/base/field_error.h"
#include "tests/unit/controller/fakes.h"

namespace graft::controller {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class ControllerTest : public testing::Test {
 protected:
  ControllerTest() {
    Open();
    auto dataset = controller_->CreateDataset(FakeDataset(), {});
    EXPECT_TRUE(dataset.ok()) << dataset.status();
  }

  // Throws the controller away and opens another one on the same log.
  void Open(ExplorerFactory explorers = FakeExplorers()) {
    controller_.reset();
    auto controller = Controller::Open({}, std::move(explorers), &log_, &clock_);
    ASSERT_TRUE(controller.ok()) << controller.status();
    controller_ = *std::move(controller);
    worker_.emplace(controller_.get(), "worker");
  }

  SearchView Create(SearchSpec spec = FakeSpec()) {
    auto search = controller_->CreateSearch(std::move(spec), {});
    EXPECT_TRUE(search.ok()) << search.status();
    return *search;
  }

  LeaseView LeaseOne() {
    auto leases = worker_->Lease(1);
    EXPECT_TRUE(leases.ok()) << leases.status();
    EXPECT_THAT(*leases, SizeIs(1));
    return leases->at(0);
  }

  SearchView Get(SearchId id) { return *controller_->GetSearch(id); }
  TrialView GetTrial(SearchId id, std::int64_t number) {
    auto trial = controller_->GetTrial({id, number});
    EXPECT_TRUE(trial.ok()) << trial.status();
    return *trial;
  }

  base::FakeClock clock_;
  FakeEventLog log_;
  std::unique_ptr<Controller> controller_;
  std::optional<FakeWorker> worker_;
};

// ---- The course of a search ------------------------------------------------------------------

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

// ---- Cache and merge -------------------------------------------------------------------------

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

TEST_F(ControllerTest, WorkersOfAnotherNumericsClassGetNothing) {
  Create();
  LeaseOne();
  ASSERT_TRUE(controller_->GetSearch({1}).ok());
  Create();
  FakeWorker other(controller_.get(), "other", "fake/2");
  ASSERT_THAT(*other.Lease(4), SizeIs(1)) << "it begins the second search";
  EXPECT_EQ(Get({2}).numerics_class, "fake/2");
  EXPECT_FALSE(GetTrial({2}, 0).trial.cached) << "other bits, another evaluation";
}

TEST_F(ControllerTest, NamedNumericsClassWaitsForItsWorkers) {
  SearchSpec spec = FakeSpec();
  spec.numerics_class = "fake/2";
  const SearchId id = Create(spec).id;
  EXPECT_THAT(*worker_->Lease(4), IsEmpty());
  EXPECT_EQ(Get(id).state, SearchState::kPending);
}

TEST_F(ControllerTest, SearchIsBegunByAWorkerWithItsThreads) {
  SearchSpec spec = FakeSpec();
  spec.start_recipe.threads = spec.recipe.threads = 2;
  const SearchId id = Create(spec).id;
  EXPECT_THAT(*worker_->Lease(4), IsEmpty());
  EXPECT_EQ(Get(id).state, SearchState::kPending);
  EXPECT_EQ(Get(id).progress.waiting_for, "a worker with 2 threads a trial");
  LeaseRequest request{.worker = {.name = "wide", .slots = 1, .threads = 2}, .slots = 1};
  request.worker.numerics_class = "fake/threads-2";
  EXPECT_THAT(*controller_->LeaseTrials(request), SizeIs(1));
  EXPECT_EQ(Get(id).numerics_class, "fake/threads-2");
  EXPECT_EQ(Get(id).progress.waiting_for, "");
}

TEST_F(ControllerTest, SearchTellsThatNoWorkerOfItsClassIsLeft) {
  const SearchId id = Create().id;
  EXPECT_EQ(Get(id).progress.waiting_for, "a first worker");
  ASSERT_TRUE(worker_->Complete(LeaseOne()).ok());
  EXPECT_EQ(Get(id).progress.waiting_for, "");
  WatchCursor cursor(id, log_.records().size());
  clock_.Advance(absl::Hours(1));
  controller_->Tick();
  EXPECT_EQ(Get(id).progress.waiting_for, "a worker of numerics class fake/1");
  const auto update = controller_->NextUpdate(cursor);
  ASSERT_TRUE(update.ok() && update->has_value()) << update.status();
  EXPECT_EQ(std::get<SearchView>((*update)->item).progress.waiting_for,
            "a worker of numerics class fake/1");
  controller_->Tick();
  EXPECT_FALSE(controller_->NextUpdate(cursor)->has_value()) << "told once";
}

// ---- Leases ----------------------------------------------------------------------------------

TEST_F(ControllerTest, ExpiredLeaseReturnsTrialToQueueAndRefusesTheLateReport) {
  Create();
  const LeaseView late = LeaseOne();
  clock_.Advance(controller_->lease_duration());
  controller_->Tick();
  EXPECT_EQ(GetTrial({1}, 0).trial.state, TrialState::kQueued);
  EXPECT_EQ(GetTrial({1}, 0).failure->reason, trial::FailureReason::kLost);
  EXPECT_TRUE(absl::IsFailedPrecondition(worker_->Complete(late)));
  const LeaseView next = LeaseOne();
  EXPECT_EQ(next.attempt.number, 2);
  EXPECT_TRUE(absl::IsFailedPrecondition(worker_->Complete(late))) << "still late";
  EXPECT_TRUE(worker_->Complete(next).ok());
}

TEST_F(ControllerTest, TheClockDecidesEvenBeforeATick) {
  Create();
  const LeaseView late = LeaseOne();
  clock_.Advance(controller_->lease_duration());
  EXPECT_TRUE(absl::IsFailedPrecondition(worker_->Complete(late)));
}

TEST_F(ControllerTest, HeartbeatKeepsALease) {
  Create();
  const LeaseView lease = LeaseOne();
  for (int i = 0; i < 5; ++i) {
    clock_.Advance(controller_->lease_duration() - absl::Seconds(1));
    EXPECT_EQ(*worker_->Heartbeat(lease, i), Directive::kContinue);
  }
  EXPECT_EQ(GetTrial({1}, 0).epochs_done, 4);
  EXPECT_TRUE(worker_->Complete(lease).ok());
}

TEST_F(ControllerTest, HeartbeatsAreNoEvents) {
  Create();
  const LeaseView lease = LeaseOne();
  const std::size_t events = log_.records().size();
  ASSERT_TRUE(worker_->Heartbeat(lease, 1).ok());
  EXPECT_EQ(log_.records().size(), events);
}

TEST_F(ControllerTest, HeartbeatOfALostLeaseSaysStop) {
  Create();
  const LeaseView lease = LeaseOne();
  clock_.Advance(controller_->lease_duration());
  EXPECT_EQ(*worker_->Heartbeat(lease), Directive::kStop);
}

TEST_F(ControllerTest, ReportOfAnotherWorkerIsRefused) {
  Create();
  const LeaseView lease = LeaseOne();
  FakeWorker other(controller_.get(), "other");
  EXPECT_TRUE(absl::IsFailedPrecondition(other.Complete(lease)));
}

TEST_F(ControllerTest, SameReportAgainIsOkAndAnotherOneIsRefused) {
  Create();
  const LeaseView lease = LeaseOne();
  ASSERT_TRUE(worker_->Complete(lease).ok());
  EXPECT_TRUE(worker_->Complete(lease).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(worker_->Fail(lease, trial::FailureReason::kInternal)));
}

TEST_F(ControllerTest, SameFailureAgainIsOkWhileTheTrialWaits) {
  Create();
  const LeaseView lease = LeaseOne();
  ASSERT_TRUE(worker_->Fail(lease, trial::FailureReason::kPreempted).ok());
  EXPECT_TRUE(worker_->Fail(lease, trial::FailureReason::kPreempted).ok());
  EXPECT_EQ(GetTrial({1}, 0).trial.state, TrialState::kQueued);
}

TEST_F(ControllerTest, ReportOfAnUnknownEvaluationIsNotFound) {
  const Attempt attempt{.key = digest::TrialKey(digest::Sha256("x")), .number = 1};
  EXPECT_TRUE(absl::IsNotFound(controller_->ReportTrial("worker", attempt, trial::Failure{})));
}

TEST_F(ControllerTest, SameLeaseRequestReturnsTheSameLeases) {
  Create();
  const LeaseRequest request{.worker = worker_->info(), .slots = 1, .request_id = "r1"};
  const auto first = controller_->LeaseTrials(request);
  const auto again = controller_->LeaseTrials(request);
  ASSERT_TRUE(first.ok() && again.ok());
  ASSERT_THAT(*again, SizeIs(1));
  EXPECT_EQ(again->at(0).attempt, first->at(0).attempt);
}

TEST_F(ControllerTest, EmptyAnswerIsNotRememberedForItsRequestId) {
  const LeaseRequest request{.worker = worker_->info(), .slots = 1, .request_id = "r1"};
  const auto nothing_yet = controller_->LeaseTrials(request);
  ASSERT_TRUE(nothing_yet.ok());
  EXPECT_THAT(*nothing_yet, SizeIs(0));
  Create();
  const auto later = controller_->LeaseTrials(request);
  ASSERT_TRUE(later.ok());
  EXPECT_THAT(*later, SizeIs(1));
}

TEST_F(ControllerTest, BadLeaseRequestsNameTheField) {
  const auto field_of = [this](const LeaseRequest& request) {
    return base::FieldViolations(controller_->LeaseTrials(request).status()).at(0).field;
  };
  EXPECT_EQ(field_of({.slots = 1}), "worker.name");
  EXPECT_EQ(field_of({.worker = {.name = "w"}, .slots = 1}), "worker.numerics_class");
  EXPECT_EQ(field_of({.worker = worker_->info()}), "slots");
}

class RetryLimitTest : public ControllerTest,
                       public testing::WithParamInterface<std::pair<trial::FailureReason, int>> {};

TEST_P(RetryLimitTest, GivesUpAfterSoManyAttempts) {
  const auto [reason, limit] = GetParam();
  const SearchId id = Create().id;
  for (int i = 1; i < limit; ++i) {
    ASSERT_TRUE(worker_->Fail(LeaseOne(), reason).ok());
    EXPECT_EQ(GetTrial(id, 0).trial.state, TrialState::kQueued) << "after attempt " << i;
  }
  ASSERT_TRUE(worker_->Fail(LeaseOne(), reason).ok());
  EXPECT_EQ(GetTrial(id, 0).trial.state, TrialState::kFailed);
  EXPECT_EQ(GetTrial(id, 0).failure->reason, reason);
}

INSTANTIATE_TEST_SUITE_P(AllReasons, RetryLimitTest,
                         testing::Values(std::pair(trial::FailureReason::kInvalid, 1),
                                         std::pair(trial::FailureReason::kNotPreserved, 1),
                                         std::pair(trial::FailureReason::kDiverged, 1),
                                         std::pair(trial::FailureReason::kOutOfMemory, 1),
                                         std::pair(trial::FailureReason::kInternal, 2),
                                         std::pair(trial::FailureReason::kInputMissing, 2),
                                         std::pair(trial::FailureReason::kCrashed, 5),
                                         std::pair(trial::FailureReason::kLost, 5)));

TEST_F(ControllerTest, HandBacksAreNotCounted) {
  const SearchId id = Create().id;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(worker_->Fail(LeaseOne(), trial::FailureReason::kPreempted).ok());
    ASSERT_EQ(GetTrial(id, 0).trial.state, TrialState::kQueued) << "after attempt " << i;
  }
  ASSERT_TRUE(worker_->Work().ok());
  EXPECT_EQ(Get(id).state, SearchState::kSucceeded) << Get(id).error;
}

TEST_F(ControllerTest, WorkersAreListedWithWhatTheyRun) {
  Create();
  LeaseOne();
  const std::vector<WorkerView> workers = controller_->ListWorkers();
  ASSERT_THAT(workers, SizeIs(1));
  EXPECT_EQ(workers[0].info.name, "worker");
  EXPECT_THAT(workers[0].trials, ElementsAre(TrialId{{1}, 0}));
  clock_.Advance(absl::Hours(1));
  controller_->Tick();
  EXPECT_THAT(controller_->ListWorkers(), IsEmpty()) << "silent for long";
}

// ---- Cancelling ------------------------------------------------------------------------------

TEST_F(ControllerTest, CancelReachesTheWorkerWithItsNextHeartbeat) {
  const SearchId id = Create().id;
  const LeaseView lease = LeaseOne();
  ASSERT_TRUE(controller_->CancelSearch(id, {}).ok());
  EXPECT_EQ(Get(id).state, SearchState::kCancelled);
  EXPECT_EQ(GetTrial(id, 0).trial.state, TrialState::kCancelled);
  EXPECT_EQ(*worker_->Heartbeat(lease), Directive::kStop);
  EXPECT_TRUE(absl::IsFailedPrecondition(worker_->Complete(lease)));
  EXPECT_EQ(controller_->GetStats().leases, 0);
}

TEST_F(ControllerTest, CancelLeavesATrialThatAnotherSearchNeeds) {
  const SearchId first = Create().id;
  const SearchId second = Create().id;
  const LeaseView lease = LeaseOne();
  ASSERT_TRUE(controller_->CancelSearch(first, {}).ok());
  EXPECT_EQ(*worker_->Heartbeat(lease), Directive::kContinue);
  ASSERT_TRUE(worker_->Complete(lease).ok());
  ASSERT_TRUE(worker_->Work().ok());
  EXPECT_EQ(Get(first).state, SearchState::kCancelled);
  EXPECT_EQ(Get(second).state, SearchState::kSucceeded);
}

TEST_F(ControllerTest, CancellingAnEndedSearchReturnsItUnchanged) {
  const SearchId id = Create().id;
  ASSERT_TRUE(worker_->Work().ok());
  const auto search = controller_->CancelSearch(id, {});
  ASSERT_TRUE(search.ok());
  EXPECT_EQ(search->state, SearchState::kSucceeded);
}

// ---- Requests --------------------------------------------------------------------------------

TEST_F(ControllerTest, PausedSearchEndsWhatRunsAndGoesOnWhenResumed) {
  const SearchId id = Create().id;
  ASSERT_TRUE(worker_->Complete(LeaseOne()).ok());
  const LeaseView running = LeaseOne();
  ASSERT_TRUE(controller_->PauseSearch(id, {}).ok());
  EXPECT_EQ(Get(id).state, SearchState::kPaused);
  EXPECT_THAT(*worker_->Lease(10), IsEmpty());
  EXPECT_EQ(*worker_->Heartbeat(running), Directive::kContinue);
  ASSERT_TRUE(worker_->Complete(running).ok());
  Open();
  EXPECT_THAT(*worker_->Lease(10), IsEmpty()) << "after a restart too";
  EXPECT_EQ(controller_->PauseSearch(id, {})->state, SearchState::kPaused) << "unchanged";
  EXPECT_EQ(controller_->ResumeSearch(id, {})->state, SearchState::kRunning);
  ASSERT_TRUE(worker_->Work().ok());
  EXPECT_EQ(Get(id).state, SearchState::kSucceeded) << Get(id).error;
  EXPECT_TRUE(absl::IsFailedPrecondition(controller_->PauseSearch(id, {}).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(controller_->ResumeSearch(id, {}).status()));
}

TEST_F(ControllerTest, SearchPausedBeforeItBeganIsBegunWhenResumed) {
  const SearchId id = Create().id;
  ASSERT_TRUE(controller_->PauseSearch(id, {}).ok());
  EXPECT_THAT(*worker_->Lease(1), IsEmpty());
  ASSERT_TRUE(controller_->ResumeSearch(id, {}).ok());
  EXPECT_EQ(Get(id).state, SearchState::kPending);
  ASSERT_TRUE(worker_->Work().ok());
  EXPECT_EQ(Get(id).state, SearchState::kSucceeded) << Get(id).error;
}

TEST_F(ControllerTest, ExtendedSearchEndsAsIfItHadBeenLongerFromTheBeginning) {
  SearchSpec spec = FakeSpec();
  spec.episodes = 1;
  const SearchId grown = Create(spec).id;
  ASSERT_TRUE(worker_->Work().ok());
  EXPECT_EQ(Get(grown).state, SearchState::kSucceeded);
  ASSERT_TRUE(controller_->ExtendSearch(grown, 2, {}).ok());
  EXPECT_EQ(Get(grown).state, SearchState::kRunning);
  ASSERT_TRUE(worker_->Work().ok());
  Open();
  ASSERT_TRUE(controller_->ExtendSearch(grown, 3, {}).ok());
  ASSERT_TRUE(worker_->Work().ok());
  const SearchView search = Get(grown);
  EXPECT_EQ(search.state, SearchState::kSucceeded) << search.error;
  spec.episodes = 3;
  const SearchId whole = Create(spec).id;
  ASSERT_TRUE(worker_->Work().ok());
  EXPECT_EQ(Get(whole).progress.distinct_children, 0) << "all its trials are known";
  EXPECT_EQ(search.spec->episodes, 3);
  EXPECT_EQ(search.report->best_network, Get(whole).report->best_network);
  EXPECT_EQ(search.progress.best_value, Get(whole).progress.best_value);
}

TEST_F(ControllerTest, EpisodesThatHaveBegunCannotBeTakenBack) {
  const SearchId id = Create().id;
  ASSERT_TRUE(worker_->Work().ok());
  const auto shorter = controller_->ExtendSearch(id, 1, {});
  ASSERT_TRUE(absl::IsInvalidArgument(shorter.status())) << shorter.status();
  EXPECT_EQ(base::FieldViolations(shorter.status()).at(0).field, "episodes");
  ASSERT_TRUE(controller_->CancelSearch(Create().id, {}).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(controller_->ExtendSearch({2}, 5, {}).status()));
}

TEST_F(ControllerTest, DeletedSearchIsForgottenAfterARestartToo) {
  const SearchId id = Create().id;
  EXPECT_TRUE(absl::IsFailedPrecondition(controller_->DeleteSearch(id, {})));
  ASSERT_TRUE(worker_->Work().ok());
  WatchCursor cursor(id, 1);
  const RequestTag request{.id = "delete", .content = "x"};
  ASSERT_TRUE(controller_->DeleteSearch(id, request).ok());
  EXPECT_TRUE(controller_->DeleteSearch(id, request).ok()) << "said again";
  EXPECT_TRUE(absl::IsNotFound(controller_->DeleteSearch(id, {})));
  EXPECT_TRUE(absl::IsNotFound(controller_->NextUpdate(cursor).status()));
  EXPECT_THAT(controller_->ListNetworks({}).items, Not(IsEmpty()));
  Open();
  EXPECT_TRUE(absl::IsNotFound(controller_->GetSearch(id).status()));
  EXPECT_EQ(Create().id.number, 2);
  ASSERT_TRUE(worker_->Work().ok());
  EXPECT_EQ(Get({2}).progress.distinct_children, 0) << "its measurements are still known";
}

TEST_F(ControllerTest, SearchesOfOnePriorityShareTheWorkers) {
  SearchSpec other = FakeSpec();
  other.max_redraws = 1000;
  Create(other);
  ASSERT_TRUE(worker_->Complete(LeaseOne()).ok());
  other.seed = 2;
  const SearchId second = Create(other).id;
  const auto one_of_each = worker_->Lease(2);
  ASSERT_THAT(*one_of_each, SizeIs(2));
  EXPECT_EQ(one_of_each->at(1).trial.search, second);
  for (const LeaseView& lease : *one_of_each) ASSERT_TRUE(worker_->Complete(lease).ok());
  ASSERT_THAT(*worker_->Lease(4), SizeIs(4));
  EXPECT_EQ(Get({1}).progress.trials_by_state[static_cast<int>(TrialState::kLeased)], 2);
  EXPECT_EQ(Get(second).progress.trials_by_state[static_cast<int>(TrialState::kLeased)], 2);
}

TEST_F(ControllerTest, SameRequestIdCreatesOneSearchEvenAfterARestart) {
  const RequestTag tag{.id = "r", .content = "c"};
  const SearchId first = controller_->CreateSearch(FakeSpec(), tag)->id;
  EXPECT_EQ(controller_->CreateSearch(FakeSpec(), tag)->id, first);
  Open();
  EXPECT_EQ(controller_->CreateSearch(FakeSpec(), tag)->id, first);
  EXPECT_TRUE(absl::IsAlreadyExists(
      controller_->CreateSearch(FakeSpec(), {.id = "r", .content = "other"}).status()));
}

TEST_F(ControllerTest, ValidateCreatesNothing) {
  const std::size_t events = log_.records().size();
  const auto search = controller_->ValidateSearch(FakeSpec());
  ASSERT_TRUE(search.ok()) << search.status();
  EXPECT_EQ(search->id.number, 0);
  EXPECT_EQ(std::get<trial::ImageClassification>(search->spec->task).train_images, 90);
  EXPECT_EQ(log_.records().size(), events);
}

TEST_F(ControllerTest, DatasetNameStandsForOneDigest) {
  EXPECT_TRUE(controller_->CreateDataset(FakeDataset(), {}).ok()) << "the same again";
  Dataset other = FakeDataset();
  other.digest = digest::BlobDigest::Of("other");
  EXPECT_TRUE(absl::IsAlreadyExists(controller_->CreateDataset(other, {}).status()));
  other.name = "Not A Name";
  EXPECT_TRUE(absl::IsInvalidArgument(controller_->CreateDataset(other, {}).status()));
}

TEST_F(ControllerTest, PagesCoverAListOnce) {
  for (int i = 0; i < 5; ++i) Create();
  std::vector<std::int64_t> seen;
  PageRequest<SearchId> request{.size = 2};
  do {
    const auto page = controller_->ListSearches(request, {});
    for (const SearchView& search : page.items) seen.push_back(search.id.number);
    request.after = page.next;
  } while (request.after.has_value());
  EXPECT_THAT(seen, ElementsAre(5, 4, 3, 2, 1));
}

TEST_F(ControllerTest, NetworkPagesGoOnByRank) {
  const SearchId id = Create().id;
  ASSERT_TRUE(worker_->Work().ok());
  const auto all = controller_->ListSearchNetworks(id, {.size = 100});
  ASSERT_TRUE(all.ok());
  std::vector<digest::NetworkDigest> paged;
  PageRequest<RankCursor> request{.size = 2};
  do {
    const auto page = controller_->ListSearchNetworks(id, request);
    ASSERT_TRUE(page.ok());
    for (const Network& network : page->items) paged.push_back(network.digest);
    request.after = page->next;
  } while (request.after.has_value());
  std::vector<digest::NetworkDigest> expected;
  for (const Network& network : all->items) expected.push_back(network.digest);
  EXPECT_EQ(paged, expected);
}

TEST_F(ControllerTest, NetworkIsFoundByUniquePrefix) {
  Create();
  ASSERT_TRUE(worker_->Work().ok());
  const std::string name = controller_->ListNetworks({.size = 1}).items.at(0).digest.ToString();
  EXPECT_EQ(controller_->GetNetwork(name.substr(0, 8))->digest.ToString(), name);
  EXPECT_TRUE(absl::IsInvalidArgument(controller_->GetNetwork(name.substr(0, 7)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(controller_->GetNetwork("ABCDEF012").status()));
  EXPECT_TRUE(absl::IsNotFound(controller_->GetNetwork("0123456789abcdef").status()));
}

// ---- Watching --------------------------------------------------------------------------------

std::vector<std::string> DrainUpdates(const Controller& controller, WatchCursor& cursor,
                                      std::int64_t* resume = nullptr) {
  std::vector<std::string> seen;
  while (true) {
    const auto update = controller.NextUpdate(cursor);
    if (!update.ok()) {
      seen.push_back(absl::IsOutOfRange(update.status()) ? "end" : "error");
      return seen;
    }
    if (!update->has_value()) return seen;
    if (resume != nullptr) *resume = (*update)->resume_sequence;
    if (const auto* trial = std::get_if<TrialView>(&(*update)->item)) {
      seen.push_back(std::to_string(trial->trial.id.number) + " " +
                     std::string(ToString(trial->trial.state)));
    } else {
      seen.push_back("search " +
                     std::string(ToString(std::get<SearchView>((*update)->item).state)));
    }
  }
}

TEST_F(ControllerTest, WatchSendsASnapshotThenChangesThenEnds) {
  const SearchId id = Create().id;
  const LeaseView lease = LeaseOne();
  WatchCursor cursor(id);
  EXPECT_THAT(DrainUpdates(*controller_, cursor), ElementsAre("search running", "0 leased"));
  ASSERT_TRUE(worker_->Heartbeat(lease, 1).ok());
  EXPECT_THAT(DrainUpdates(*controller_, cursor), ElementsAre("0 leased")) << "epochs done";
  ASSERT_TRUE(worker_->Fail(lease, trial::FailureReason::kDiverged).ok());
  EXPECT_THAT(DrainUpdates(*controller_, cursor), ElementsAre("0 failed", "search failed", "end"));
}

TEST_F(ControllerTest, ResumedWatchMissesNothingEvenAfterARestart) {
  const SearchId id = Create().id;
  const LeaseView lease = LeaseOne();
  WatchCursor cursor(id);
  std::int64_t resume = 0;
  DrainUpdates(*controller_, cursor, &resume);
  EXPECT_GT(resume, 0);
  ASSERT_TRUE(worker_->Complete(lease).ok());
  Open();
  WatchCursor resumed(id, resume);
  EXPECT_THAT(DrainUpdates(*controller_, resumed),
              UnorderedElementsAre("0 completed", "search running", "1 queued", "2 queued",
                                   "3 queued", "4 queued"));
}

TEST_F(ControllerTest, WatchTokenOfTheFutureIsInvalid) {
  const SearchId id = Create().id;
  WatchCursor cursor(id, 1000);
  EXPECT_TRUE(absl::IsInvalidArgument(controller_->NextUpdate(cursor).status()));
}

// ---- Log -------------------------------------------------------------------------------------

TEST_F(ControllerTest, FullDiskRefusesTheCommandAndChangesNothing) {
  log_.SetFull(true);
  EXPECT_TRUE(absl::IsResourceExhausted(controller_->CreateSearch(FakeSpec(), {}).status()));
  EXPECT_TRUE(absl::IsNotFound(controller_->GetSearch({1}).status()));
  log_.SetFull(false);
  EXPECT_EQ(Create().id, SearchId{1});
}

TEST_F(ControllerTest, StepThatWasNotLoggedIsTakenAtTheNextTick) {
  const SearchId id = Create().id;
  const LeaseView lease = LeaseOne();
  log_.SetFull(true);
  EXPECT_TRUE(absl::IsResourceExhausted(worker_->Complete(lease)));
  log_.SetFull(false);
  ASSERT_TRUE(worker_->Complete(lease).ok()) << "the worker tries again";
  controller_->Tick();
  ASSERT_TRUE(worker_->Work().ok());
  EXPECT_EQ(Get(id).state, SearchState::kSucceeded);
}

TEST_F(ControllerTest, PolicyThatDoesNotRepeatItselfFailsTheSearch) {
  const SearchId id = Create().id;
  ASSERT_TRUE(worker_->Complete(LeaseOne()).ok());
  Open(FakeExplorers(/*quirk=*/1));
  EXPECT_EQ(Get(id).state, SearchState::kFailed);
  EXPECT_THAT(Get(id).error, HasSubstr("does not repeat itself"));
}

TEST_F(ControllerTest, RestartRestoresThePolicyFromItsSnapshot) {
  SearchSpec spec = FakeSpec();
  spec.episodes = 3;
  const SearchId id = Create(spec).id;
  ASSERT_TRUE(worker_->Work([&] { return Get(id).progress.episode == 3; }).ok());
  Open(FakeExplorers(/*quirk=*/1));
  ASSERT_TRUE(worker_->Work().ok());
  EXPECT_EQ(Get(id).state, SearchState::kSucceeded)
      << "what the policy did before its snapshot is not asked again: " << Get(id).error;
}

TEST_F(ControllerTest, WithoutASnapshotTheLogIsEnough) {
  const SearchId id = Create().id;
  ASSERT_TRUE(worker_->Work([&] { return Get(id).progress.episode == 2; }).ok());
  controller_.reset();
  MemoryEventLog old;
  ASSERT_TRUE(old.Append(log_.records(), nullptr).ok());
  auto controller = Controller::Open({}, FakeExplorers(), &old, &clock_);
  ASSERT_TRUE(controller.ok()) << controller.status();
  FakeWorker worker(controller->get(), "worker");
  clock_.Advance(absl::Minutes(1));
  ASSERT_TRUE(worker.Work().ok());
  EXPECT_EQ((*controller)->GetSearch(id)->state, SearchState::kSucceeded);
}

TEST_F(ControllerTest, RestartKeepsLeasesForAFullDuration) {
  Create();
  const LeaseView lease = LeaseOne();
  clock_.Advance(controller_->lease_duration() * 3);
  Open();
  clock_.Advance(controller_->lease_duration() - absl::Seconds(1));
  EXPECT_EQ(*worker_->Heartbeat(lease), Directive::kContinue);
  EXPECT_TRUE(worker_->Complete(lease).ok());
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
