// What users ask of a controller: changes of searches, lists, watches.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "common/base/field_error.h"
#include "services/controller/core/controller.h"
#include "tests/unit/controller/testing.h"

namespace graft::controller {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::UnorderedElementsAre;

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

}  // namespace
}  // namespace graft::controller
