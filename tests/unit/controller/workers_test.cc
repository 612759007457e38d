// What workers ask of a controller: numerics classes, leases, reports.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <variant>
#include <vector>

#include "common/base/field_error.h"
#include "services/controller/core/controller.h"
#include "tests/unit/controller/testing.h"

namespace graft::controller {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

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

}  // namespace
}  // namespace graft::controller
