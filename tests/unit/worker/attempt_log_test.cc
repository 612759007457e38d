#include "services/worker/attempt_log.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/base/fake_clock.h"

namespace graft::worker {
namespace {

using trial::LogEntry;
using trial::LogSeverity;

class AttemptLogTest : public ::testing::Test {
 protected:
  std::vector<LogEntry> Pending(std::size_t budget_bytes = 10 << 20) {
    return log_.Pending(budget_bytes);
  }

  base::FakeClock clock_;
  AttemptLog log_{&clock_};
};

TEST_F(AttemptLogTest, NumbersLinesAndNotesWhen) {
  log_.Add(LogSeverity::kInfo, "one");
  clock_.Advance(absl::Seconds(2));
  log_.Add(LogSeverity::kError, "two");
  const std::vector<LogEntry> lines = Pending();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].line, 1);
  EXPECT_EQ(lines[1].line, 2);
  EXPECT_EQ(lines[1].severity, LogSeverity::kError);
  EXPECT_EQ(lines[1].message, "two");
  EXPECT_EQ(lines[1].time - lines[0].time, absl::Seconds(2));
}

TEST_F(AttemptLogTest, LinesArePendingUntilTheyAreAcknowledged) {
  for (int i = 1; i <= 5; ++i) log_.Add(LogSeverity::kInfo, absl::StrCat(i));
  EXPECT_EQ(Pending().size(), 5U);
  log_.Acknowledge(2);
  log_.Acknowledge(1);  // an answer that is late
  ASSERT_EQ(Pending().size(), 3U);
  EXPECT_EQ(Pending().front().line, 3);
  log_.Acknowledge(5);
  EXPECT_TRUE(Pending().empty());
}

TEST_F(AttemptLogTest, OldestLinesComeFirstWhereThereIsLittleRoom) {
  for (int i = 1; i <= 5; ++i) log_.Add(LogSeverity::kInfo, std::string(1'000, 'x'));
  std::size_t budget = 2'500;
  const std::vector<LogEntry> lines = log_.Pending(budget);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines.back().line, 2);
  EXPECT_LT(budget, 500U);
  EXPECT_TRUE(log_.Pending(budget).empty()) << "what is left is too little for a line";
}

TEST_F(AttemptLogTest, LongLinesAreCut) {
  log_.Add(LogSeverity::kInfo, std::string(5'000, 'x'));
  EXPECT_EQ(Pending().front().message.size(), trial::kMaxLogMessageBytes);
}

TEST_F(AttemptLogTest, LongLogsLoseInformationButNotWhyTheyEnd) {
  for (int i = 0; i < 2 * trial::kMaxLogLines; ++i) log_.Add(LogSeverity::kInfo, "epoch");
  log_.Add(LogSeverity::kError, "diverged");
  const std::vector<LogEntry> lines = Pending();
  ASSERT_EQ(lines.size(), AttemptLog::kMaxInfoLines + 2U);
  EXPECT_EQ(lines[AttemptLog::kMaxInfoLines].severity, LogSeverity::kWarning);
  EXPECT_EQ(lines.back().message, "diverged");
}

TEST_F(AttemptLogTest, NoLogIsLongerThanTheControllerKeeps) {
  for (int i = 0; i < 2 * trial::kMaxLogLines; ++i) log_.Add(LogSeverity::kError, "again");
  EXPECT_EQ(Pending().back().line, trial::kMaxLogLines);
}

}  // namespace
}  // namespace graft::worker
