#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "common/base/fake_clock.h"
#include "common/base/file.h"
#include "services/controller/core/controller.h"
#include "services/controller/storage/event_codec.h"
#include "services/controller/storage/sqlite_event_log.h"
#include "tests/unit/controller/event_bytes.h"
#include "tests/unit/controller/fakes.h"

namespace graft::controller {
namespace {

using testing::HasSubstr;

// The log of a search with everything in it: two lives, a failure, a lost lease, a cancelled
// search.
std::vector<Record> EventfulLog() {
  base::FakeClock clock;
  FakeEventLog log;
  auto opened = Controller::Open({}, FakeExplorers(), &log, &clock);
  EXPECT_TRUE(opened.ok());
  Controller& controller = **opened;
  FakeWorker worker(&controller, "worker");
  EXPECT_TRUE(controller.CreateDataset(FakeDataset(), {.id = "d", .content = "1"}).ok());
  EXPECT_TRUE(controller.CreateSearch(FakeSpec(), {.id = "s", .content = "2"}).ok());
  EXPECT_TRUE(worker.Lease(1).ok());
  clock.Advance(absl::Minutes(1));
  EXPECT_TRUE(worker.Complete(worker.Lease(1)->at(0)).ok());
  EXPECT_TRUE(worker.Fail(worker.Lease(1)->at(0), trial::FailureReason::kDiverged).ok());
  EXPECT_TRUE(worker.Work().ok());
  SearchSpec other = FakeSpec();
  other.seed = 2;
  EXPECT_TRUE(controller.CreateSearch(other, {}).ok());
  EXPECT_TRUE(worker.Fail(worker.Lease(1)->at(0), trial::FailureReason::kDiverged).ok());
  other.seed = 3;
  EXPECT_TRUE(controller.CreateSearch(other, {}).ok());
  const digest::WeightsDigest weights(digest::BlobDigest::Of("imported"));
  EXPECT_TRUE(controller
                  .ImportNetwork({.architecture = FakeStart(), .weights = weights}, "elsewhere",
                                 {.id = "i", .content = "8"})
                  .ok());
  EXPECT_TRUE(controller.PauseSearch({3}, {.id = "p", .content = "4"}).ok());
  EXPECT_TRUE(controller.ResumeSearch({3}, {.id = "r", .content = "5"}).ok());
  EXPECT_TRUE(controller.CancelSearch({3}, {.id = "c", .content = "3"}).ok());
  EXPECT_TRUE(controller.DeleteSearch({3}, {.id = "x", .content = "6"}).ok());
  EXPECT_TRUE(controller.ExtendSearch({1}, 3, {.id = "e", .content = "7"}).ok());
  return log.records();
}

TEST(EventCodecTest, DecodeOfEncodeIsTheIdentityForEveryKindOfEvent) {
  std::set<std::size_t> kinds;
  for (const Record& record : EventfulLog()) {
    const auto encoded = EncodeEvent(record.event);
    ASSERT_TRUE(encoded.ok()) << encoded.status();
    const auto decoded = DecodeEvent(encoded->payload);
    ASSERT_TRUE(decoded.ok()) << encoded->payload << decoded.status();
    EXPECT_EQ(decoded->index(), record.event.index());
    EXPECT_TRUE(EventBytes(*decoded) == EventBytes(record.event)) << encoded->payload;
    kinds.insert(record.event.index());
  }
  EXPECT_EQ(kinds.size(), std::variant_size_v<Event>) << "a kind of event is not covered";
}

TEST(EventCodecTest, NumbersComeBackToTheBit) {
  auto result = std::make_shared<trial::TrialResult>(
      trial::TrialResult{.weights = digest::WeightsDigest(digest::BlobDigest::Of("w"))});
  result->measurement.metrics = {{"third", 1.0 / 3}, {"tiny", 5e-324}, {"big", 1.7e308}};
  const digest::TrialKey key(digest::Sha256("key"));
  const auto encoded = EncodeEvent(EvaluationCompleted{.key = key, .attempt = 1, .result = result});
  ASSERT_TRUE(encoded.ok());
  const auto decoded = DecodeEvent(encoded->payload);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(std::get<EvaluationCompleted>(*decoded).result->measurement.metrics,
            result->measurement.metrics);
}

TEST(EventCodecTest, NulBytesSurviveAsText) {
  const std::string error("before\0after", 12);
  const auto encoded = EncodeEvent(SearchFailed{.search = {1}, .error = error});
  ASSERT_TRUE(encoded.ok());
  EXPECT_EQ(encoded->payload.find('\0'), std::string::npos);
  EXPECT_EQ(std::get<SearchFailed>(*DecodeEvent(encoded->payload)).error, error);
}

TEST(EventCodecTest, TextThatIsNoEventIsRefused) {
  EXPECT_FALSE(DecodeEvent("{").ok());
  EXPECT_FALSE(DecodeEvent("{}").ok());
  EXPECT_FALSE(DecodeEvent(R"({"search_forgotten": {}})").ok());
}

class SqliteEventLogTest : public testing::Test {
 protected:
  SqliteEventLogTest() {
    auto folder = base::TempDir::Create();
    EXPECT_TRUE(folder.ok()) << folder.status();
    folder_.emplace(*std::move(folder));
    path_ = folder_->Join("controller.db");
  }

  std::unique_ptr<SqliteEventLog> Open() {
    auto log = SqliteEventLog::Open(path_);
    EXPECT_TRUE(log.ok()) << log.status();
    return *std::move(log);
  }

  static Record MakeRecord(std::int64_t sequence) {
    return {.sequence = sequence,
            .time = absl::FromUnixMicros(1'700'000'000'123'456),
            .event = SearchFailed{.search = {7}, .error = "why"}};
  }

  std::optional<base::TempDir> folder_;
  std::string path_;
};

TEST_F(SqliteEventLogTest, EventsAreThereAfterReopening) {
  const std::vector<Record> records = EventfulLog();
  ASSERT_TRUE(Open()->Append(records, nullptr).ok());
  std::size_t next = 0;
  const absl::Status status = Open()->Replay([&](const Record& record) {
    EXPECT_EQ(record.sequence, records[next].sequence);
    EXPECT_EQ(record.time, records[next].time);
    EXPECT_TRUE(EventBytes(record.event) == EventBytes(records[next].event)) << next;
    ++next;
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(next, records.size());
}

TEST_F(SqliteEventLogTest, AppendIsAllOrNothing) {
  const auto log = Open();
  ASSERT_TRUE(log->Append(std::vector<Record>{MakeRecord(1)}, nullptr).ok());
  const absl::Status status =
      log->Append(std::vector<Record>{MakeRecord(2), MakeRecord(1)}, nullptr);
  EXPECT_TRUE(absl::IsAborted(status)) << status;
  int count = 0;
  ASSERT_TRUE(log->Replay([&](const Record&) {
                   ++count;
                   return absl::OkStatus();
                 })
                  .ok());
  EXPECT_EQ(count, 1);
}

TEST_F(SqliteEventLogTest, LastSnapshotOfASearchIsThereToTheByteAfterReopening) {
  const std::string state("state\0with a NUL", 16);
  {
    auto log = Open();
    EXPECT_TRUE(absl::IsNotFound(log->ReadSnapshot({1}).status()));
    const PolicySnapshot first{.search = {1}, .state = "first"};
    ASSERT_TRUE(log->Append(std::vector<Record>{MakeRecord(1)}, &first).ok());
    const PolicySnapshot last{.search = {1}, .state = state};
    ASSERT_TRUE(log->Append(std::vector<Record>{MakeRecord(2)}, &last).ok());
    const PolicySnapshot refused{.search = {1}, .state = "refused"};
    ASSERT_FALSE(log->Append(std::vector<Record>{MakeRecord(2)}, &refused).ok());
  }
  auto log = Open();
  const auto snapshot = log->ReadSnapshot({1});
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ(snapshot->state, state);
  EXPECT_TRUE(absl::IsNotFound(log->ReadSnapshot({2}).status()));
}

TEST_F(SqliteEventLogTest, DeletedSearchHasNoSnapshot) {
  auto log = Open();
  const PolicySnapshot snapshot{.search = {1}, .state = "state"};
  ASSERT_TRUE(log->Append(std::vector<Record>{MakeRecord(1)}, &snapshot).ok());
  ASSERT_TRUE(
      log->Append(std::vector<Record>{{.sequence = 2, .event = SearchDeleted{{1}}}}, nullptr).ok());
  EXPECT_TRUE(absl::IsNotFound(log->ReadSnapshot({1}).status()));
}

TEST_F(SqliteEventLogTest, SecondWriterIsRefused) {
  const auto log = Open();
  const auto second = SqliteEventLog::Open(path_);
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
}

TEST_F(SqliteEventLogTest, FileThatIsNoDatabaseIsDataLoss) {
  ASSERT_TRUE(base::WriteFileDurably(path_, std::string(8192, 'x')).ok());
  const auto log = SqliteEventLog::Open(path_);
  EXPECT_TRUE(absl::IsDataLoss(log.status())) << log.status();
  EXPECT_THAT(std::string(log.status().message()), HasSubstr("controller.db"));
}

TEST_F(SqliteEventLogTest, ErrorOfTheVisitorEndsTheReplay) {
  const auto log = Open();
  ASSERT_TRUE(log->Append(std::vector<Record>{MakeRecord(1), MakeRecord(2)}, nullptr).ok());
  int count = 0;
  const absl::Status status = log->Replay([&](const Record&) {
    ++count;
    return absl::CancelledError("enough");
  });
  EXPECT_TRUE(absl::IsCancelled(status));
  EXPECT_EQ(count, 1);
}

}  // namespace
}  // namespace graft::controller
