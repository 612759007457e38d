#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/digest/sha256.h"
#include "services/controller/storage/sqlite_trial_log.h"

namespace graft::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

digest::TrialKey Key(const std::string& text) { return digest::TrialKey(digest::Sha256(text)); }

trial::LogEntry Line(std::int64_t line) {
  return {.line = line,
          .time = absl::FromUnixMicros(1'700'000'000'000'000 + line),
          .severity = trial::LogSeverity::kWarning,
          .message = absl::StrCat("line ", line, " of gr\xC3\xBCn")};
}

class TrialLogTest : public ::testing::Test {
 protected:
  void Open(std::int64_t max_lines = kDefaultMaxLogLines) {
    log_.reset();
    auto log = SqliteTrialLog::Open({.path = folder_.Join("logs"), .max_lines = max_lines});
    ASSERT_TRUE(log.ok()) << log.status();
    log_ = *std::move(log);
  }

  void Append(const std::string& key, std::int64_t attempt,
              const std::vector<std::int64_t>& numbers) {
    std::vector<trial::LogEntry> lines;
    for (const std::int64_t number : numbers) lines.push_back(Line(number));
    const absl::Status status = log_->Append({.key = Key(key), .number = attempt}, "worker", lines);
    EXPECT_TRUE(status.ok()) << status;
  }

  // "attempt.line" of all lines of an evaluation behind a position.
  std::vector<std::string> Numbers(const std::string& key, LogPosition after = {},
                                   std::size_t limit = 1'000) {
    std::vector<std::string> numbers;
    const auto lines = log_->Read(Key(key), after, limit);
    EXPECT_TRUE(lines.ok()) << lines.status();
    for (const LoggedLine& line : *lines) {
      numbers.push_back(absl::StrCat(line.attempt, ".", line.entry.line));
    }
    return numbers;
  }

  const base::TempDir folder_ = base::TempDir::Create().value();
  std::unique_ptr<SqliteTrialLog> log_;
};

TEST_F(TrialLogTest, LinesOutlastTheProcessAsTheyWere) {
  Open();
  Append("a", 2, {3});
  Open();
  const auto lines = log_->Read(Key("a"), {}, 10);
  ASSERT_TRUE(lines.ok()) << lines.status();
  EXPECT_THAT(*lines, ElementsAre(LoggedLine{.attempt = 2, .worker = "worker", .entry = Line(3)}));
}

TEST_F(TrialLogTest, LinesAreReadInOrderOfAttemptAndLineAPageAtATime) {
  Open();
  Append("a", 2, {1, 2});
  Append("b", 1, {1});
  Append("a", 1, {2, kClosingLine, 1});
  EXPECT_THAT(Numbers("a"), ElementsAre("1.1", "1.2", "1.1001", "2.1", "2.2"));
  EXPECT_THAT(Numbers("a", {.attempt = 1, .line = 2}, 2), ElementsAre("1.1001", "2.1"));
  EXPECT_THAT(Numbers("a", {.attempt = 2, .line = 2}), IsEmpty());
  EXPECT_THAT(Numbers("c"), IsEmpty());
}

TEST_F(TrialLogTest, LineThatComesTwiceIsKeptOnce) {
  Open();
  Append("a", 1, {1, 2});
  Append("a", 1, {2, 3});
  EXPECT_THAT(Numbers("a"), ElementsAre("1.1", "1.2", "1.3"));
}

TEST_F(TrialLogTest, NumbersThatNoLineHasArePassedOver) {
  Open();
  Append("a", 1, {-1, 0, 1, kClosingLine, kClosingLine + 1});
  EXPECT_THAT(Numbers("a"), ElementsAre("1.1", "1.1001"));
}

TEST_F(TrialLogTest, DamagedFilesAreSetAsideAndANewLogIsBegun) {
  const std::string path = folder_.Join("logs");
  ASSERT_TRUE(base::WriteFileDurably(path, std::string(5'000, 'x')).ok());
  EXPECT_TRUE(absl::IsDataLoss(SqliteTrialLog::Open({.path = path}).status()));
  auto log = SqliteTrialLog::OpenOrReplace({.path = path});
  ASSERT_TRUE(log.ok()) << log.status();
  log_ = *std::move(log);
  Append("a", 1, {1});
  EXPECT_THAT(Numbers("a"), ElementsAre("1.1"));
  EXPECT_EQ(base::ReadFile(path + ".unreadable").value(), std::string(5'000, 'x'));
}

TEST_F(TrialLogTest, ClearedLogHasNoLines) {
  Open();
  Append("a", 1, {1, 2});
  ASSERT_TRUE(log_->Clear().ok());
  EXPECT_THAT(Numbers("a"), IsEmpty());
  Append("a", 1, {1});
  EXPECT_THAT(Numbers("a"), ElementsAre("1.1"));
}

TEST_F(TrialLogTest, OldestLinesMakeWayForNewOnes) {
  Open(/*max_lines=*/4);
  Append("a", 1, {1, 2, 3});
  Append("b", 1, {1, 2});
  EXPECT_THAT(Numbers("a"), ElementsAre("1.2", "1.3"));
  Append("b", 1, {2, 3, 4});
  EXPECT_THAT(Numbers("a"), IsEmpty());
  EXPECT_THAT(Numbers("b"), ElementsAre("1.1", "1.2", "1.3", "1.4"));
}

}  // namespace
}  // namespace graft::controller
