// A controller whose log is full, and one that is opened again on its log.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/controller/core/controller.h"
#include "tests/unit/controller/testing.h"

namespace graft::controller {
namespace {

using testing::HasSubstr;

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

}  // namespace
}  // namespace graft::controller
