// Queue, change feed, lease table: the indices that keep calls from looking at all trials.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "services/controller/core/change_feed.h"
#include "services/controller/core/lease_table.h"
#include "services/controller/core/trial_queue.h"
#include "tests/unit/controller/fakes.h"

namespace graft::controller {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

digest::TrialKey Key(const std::string& name) { return digest::TrialKey(digest::Sha256(name)); }

digest::WeightsDigest Weights(const std::string& name) {
  return digest::WeightsDigest(digest::BlobDigest::Of(name));
}

// An evaluation that needs the weights `input`.
Evaluation MakeEvaluation(const std::string& name, std::int64_t order, const std::string& input,
                          const std::string& numerics_class = kFakeClass) {
  trial::Derive derive{
      .inputs = {{.role = trial::kParentRole,
                  .network = {.architecture = FakeStart(), .weights = Weights(input)}}}};
  return {.key = Key(name),
          .spec = std::make_shared<const trial::TrialSpec>(
              trial::TrialSpec{.architecture = FakeStart(), .origin = derive}),
          .numerics_class = numerics_class,
          .queue_order = order};
}

constexpr TrialQueue::Owner kOwner = {.search = {1}};

std::int64_t NoneRuns(SearchId) { return 0; }

TEST(TrialQueueTest, IsFirstComeFirstServed) {
  TrialQueue queue;
  queue.Add(MakeEvaluation("b", 2, "x"), kOwner);
  queue.Add(MakeEvaluation("a", 1, "x"), kOwner);
  queue.Add(MakeEvaluation("c", 3, "x"), kOwner);
  EXPECT_THAT(queue.Next(kFakeClass, {}, 2, NoneRuns), ElementsAre(Key("a"), Key("b")));
}

TEST(TrialQueueTest, PrefersWhatTheWorkerHasInputsFor) {
  TrialQueue queue;
  queue.Add(MakeEvaluation("a", 1, "x"), kOwner);
  queue.Add(MakeEvaluation("b", 2, "y"), kOwner);
  queue.Add(MakeEvaluation("c", 3, "z"), kOwner);
  const std::vector<std::string> cached = {Weights("z").ToString(), Weights("y").ToString()};
  EXPECT_THAT(queue.Next(kFakeClass, cached, 3, NoneRuns),
              ElementsAre(Key("b"), Key("c"), Key("a")));
}

TEST(TrialQueueTest, ServesOnlyTheWorkersNumericsClass) {
  TrialQueue queue;
  queue.Add(MakeEvaluation("a", 1, "x", "other"), kOwner);
  EXPECT_THAT(queue.Next(kFakeClass, {}, 3, NoneRuns), IsEmpty());
  EXPECT_TRUE(queue.Empty(kFakeClass));
  EXPECT_FALSE(queue.Empty("other"));
}

TEST(TrialQueueTest, RemovedEvaluationIsGoneFromEveryIndex) {
  TrialQueue queue;
  const Evaluation evaluation = MakeEvaluation("a", 1, "x");
  queue.Add(evaluation, kOwner);
  queue.Remove(evaluation);
  const std::vector<std::string> cached = {Weights("x").ToString()};
  EXPECT_THAT(queue.Next(kFakeClass, cached, 3, NoneRuns), IsEmpty());
  EXPECT_TRUE(queue.Empty(kFakeClass));
}

TEST(TrialQueueTest, SearchWithFewerRunningTrialsIsServedFirst) {
  TrialQueue queue;
  for (int i = 0; i < 4; ++i) {
    queue.Add(MakeEvaluation("a" + std::to_string(i), i, "x"), {.search = {1}});
    queue.Add(MakeEvaluation("b" + std::to_string(i), 10 + i, "x"), {.search = {2}});
  }
  const auto running = [](SearchId id) { return id.number == 1 ? 2 : 0; };
  EXPECT_THAT(queue.Next(kFakeClass, {}, 5, running),
              ElementsAre(Key("b0"), Key("b1"), Key("a0"), Key("b2"), Key("a1")));
}

TEST(TrialQueueTest, HighestPriorityIsServedAlone) {
  TrialQueue queue;
  queue.Add(MakeEvaluation("a", 1, "x"), {.search = {1}});
  queue.Add(MakeEvaluation("b", 2, "x"), {.search = {2}, .priority = 1});
  queue.Add(MakeEvaluation("c", 3, "x"), {.search = {2}, .priority = 1});
  const auto running = [](SearchId id) { return id.number == 2 ? 100 : 0; };
  EXPECT_THAT(queue.Next(kFakeClass, {}, 3, running), ElementsAre(Key("b"), Key("c"), Key("a")));
}

TEST(TrialQueueTest, EvaluationMovesToItsNewOwner) {
  TrialQueue queue;
  const Evaluation evaluation = MakeEvaluation("a", 1, "x");
  queue.Add(evaluation, {.search = {1}});
  queue.Add(evaluation, {.search = {2}, .priority = 1});
  queue.Add(MakeEvaluation("b", 0, "x"), {.search = {1}});
  EXPECT_THAT(queue.Next(kFakeClass, {}, 3, NoneRuns), ElementsAre(Key("a"), Key("b")));
  queue.Remove(evaluation);
  EXPECT_THAT(queue.Next(kFakeClass, {}, 3, NoneRuns), ElementsAre(Key("b")));
}

TEST(ChangeFeedTest, TellsEachItemOnceInOrderOfItsLastChange) {
  ChangeFeed feed;
  const SearchId search{1};
  feed.Touch(search, 0, {.sequence = 1});
  feed.Touch(search, 1, {.sequence = 2});
  feed.Touch(search, 0, {.sequence = 3});
  ChangeFeed::Position position;
  auto change = feed.Next(search, position);
  ASSERT_TRUE(change.has_value());
  EXPECT_EQ(change->position.item, 1);
  change = feed.Next(search, change->position);
  ASSERT_TRUE(change.has_value());
  EXPECT_EQ(change->position.item, 0);
  EXPECT_FALSE(feed.Next(search, change->position).has_value());
}

TEST(ChangeFeedTest, SaysWhetherMoreOfTheSameEventFollows) {
  ChangeFeed feed;
  const SearchId search{1};
  feed.Touch(search, ChangeFeed::kSearch, {.sequence = 1});
  feed.Touch(search, 0, {.sequence = 1});
  const auto first = feed.Next(search, {});
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->position.item, ChangeFeed::kSearch);
  EXPECT_TRUE(first->more_of_event);
  const auto second = feed.Next(search, first->position);
  ASSERT_TRUE(second.has_value());
  EXPECT_FALSE(second->more_of_event);
}

TEST(ChangeFeedTest, HeartbeatsComeAfterTheEventBeforeThem) {
  ChangeFeed feed;
  const SearchId search{1};
  feed.Touch(search, 0, {.sequence = 1});
  const ChangeFeed::Position behind_event{.revision = {.sequence = 1}};
  EXPECT_FALSE(feed.Next(search, behind_event).has_value());
  feed.Touch(search, 0, {.sequence = 1, .beat = 1});
  EXPECT_TRUE(feed.Next(search, behind_event).has_value());
}

TEST(LeaseTableTest, LeaseExpiresAtItsLatestExtension) {
  LeaseTable leases;
  const absl::Time start = absl::UnixEpoch();
  leases.Extend(Key("a"), start + absl::Seconds(10));
  leases.Extend(Key("a"), start + absl::Seconds(20));
  EXPECT_FALSE(leases.NextExpired(start + absl::Seconds(19)).has_value());
  EXPECT_EQ(leases.NextExpired(start + absl::Seconds(20)), Key("a"));
  leases.Drop(Key("a"));
  EXPECT_FALSE(leases.NextExpired(absl::InfiniteFuture()).has_value());
  EXPECT_EQ(leases.size(), 0);
}

TEST(WorkerTableTest, CountsSlotsOfThoseHeardFromLately) {
  WorkerTable workers;
  const absl::Time start = absl::UnixEpoch();
  workers.Hear({.name = "a", .slots = 2, .numerics_class = "x"}, start);
  workers.Hear({.name = "b", .slots = 3, .numerics_class = "x"}, start + absl::Seconds(5));
  workers.Hear({.name = "a", .slots = 4, .numerics_class = "x"}, start);
  EXPECT_EQ(workers.Slots("x"), 7);
  workers.ForgetSilent(start + absl::Seconds(1));
  EXPECT_EQ(workers.Slots("x"), 3);
  EXPECT_EQ(workers.workers().count("a"), 0u);
}

}  // namespace
}  // namespace graft::controller
