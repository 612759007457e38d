#include "services/worker/attempt_log.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/base/fake_clock.h"

namespace graft::worker {
namespace {

using trial::LogEntry;
using trial::LogSeverity;

constexpr std::size_t kAll = 10'000;

class AttemptLogTest : public ::testing::Test {
 protected:
  base::FakeClock clock_;
  AttemptLog log_{&clock_};
};

TEST_F(AttemptLogTest, NumbersLinesAndNotesWhen) {
  log_.Add(LogSeverity::kInfo, "one");
  clock_.Advance(absl::Seconds(2));
  log_.Add(LogSeverity::kError, "two");
  const std::vector<LogEntry> lines = log_.Pending(kAll);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].line, 1);
  EXPECT_EQ(lines[1].line, 2);
  EXPECT_EQ(lines[1].severity, LogSeverity::kError);
  EXPECT_EQ(lines[1].message, "two");
  EXPECT_EQ(lines[1].time - lines[0].time, absl::Seconds(2));
}

TEST_F(AttemptLogTest, LinesArePendingUntilTheyAreAcknowledged) {
  for (int i = 1; i <= 5; ++i) log_.Add(LogSeverity::kInfo, absl::StrCat(i));
  EXPECT_EQ(log_.Pending(2).size(), 2U);
  EXPECT_EQ(log_.Pending(2).back().line, 2);
  log_.Acknowledge(2);
  log_.Acknowledge(1);  // an answer that is late
  ASSERT_EQ(log_.Pending(kAll).size(), 3U);
  EXPECT_EQ(log_.Pending(kAll).front().line, 3);
  log_.Acknowledge(5);
  EXPECT_TRUE(log_.Pending(kAll).empty());
}

TEST_F(AttemptLogTest, LongLogsLoseInformationButNotWhyTheyEnd) {
  for (int i = 0; i < 2 * trial::kMaxLogLines; ++i) log_.Add(LogSeverity::kInfo, "epoch");
  log_.Add(LogSeverity::kError, "diverged");
  const std::vector<LogEntry> lines = log_.Pending(kAll);
  ASSERT_EQ(lines.size(), AttemptLog::kMaxInfoLines + 2U);
  EXPECT_EQ(lines[AttemptLog::kMaxInfoLines].severity, LogSeverity::kWarning);
  EXPECT_EQ(lines.back().message, "diverged");
}

TEST_F(AttemptLogTest, NoLogIsLongerThanTheControllerKeeps) {
  for (int i = 0; i < 2 * trial::kMaxLogLines; ++i) log_.Add(LogSeverity::kError, "again");
  EXPECT_EQ(log_.Pending(kAll).back().line, trial::kMaxLogLines);
}

}  // namespace
}  // namespace graft::worker
