#include "services/cli/child_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "absl/time/clock.h"
#include "common/base/file.h"

namespace graft::cli {
namespace {

class ChildProcessTest : public ::testing::Test {
 protected:
  absl::StatusOr<ChildProcess> Start(const std::string& script) {
    return ChildProcess::Start({"/bin/sh", "-c", script}, folder_->Join("log"));
  }
  std::string Log() const { return base::ReadFile(folder_->Join("log")).value_or(""); }
  // Waits until the child has said so; a fixed time-out turns a hang into a failure.
  void AwaitLog(const std::string& text) {
    const absl::Time deadline = absl::Now() + absl::Seconds(30);
    while (Log().find(text) == std::string::npos && absl::Now() < deadline) {
      absl::SleepFor(absl::Milliseconds(5));
    }
    ASSERT_THAT(Log(), ::testing::HasSubstr(text));
  }

  absl::StatusOr<base::TempDir> folder_ = base::TempDir::Create();
};

TEST_F(ChildProcessTest, SaysHowItEndedAndKeepsItsOutput) {
  absl::StatusOr<ChildProcess> child = Start("echo out; echo err >&2; exit 3");
  ASSERT_TRUE(child.ok()) << child.status();
  while (!child->Ended()) absl::SleepFor(absl::Milliseconds(5));
  EXPECT_EQ(*child->Ended(), "exited with status 3");
  EXPECT_EQ(Log(), "out\nerr\n");
}

TEST_F(ChildProcessTest, StopTerminatesAndKillsWhatIgnoresIt) {
  absl::StatusOr<ChildProcess> polite = Start("echo up; exec sleep 600");
  ASSERT_TRUE(polite.ok());
  AwaitLog("up");
  polite->Stop(absl::Seconds(30));
  EXPECT_EQ(*polite->Ended(), "killed by signal 15");

  absl::StatusOr<ChildProcess> stubborn =
      Start("trap '' TERM; echo deaf; while :; do read -r line <&- || true; done");
  ASSERT_TRUE(stubborn.ok());
  AwaitLog("deaf");
  stubborn->Stop(absl::Milliseconds(50));
  EXPECT_EQ(*stubborn->Ended(), "killed by signal 9");
}

TEST_F(ChildProcessTest, MissingProgramEndsWithItsReasonInTheLog) {
  absl::StatusOr<ChildProcess> child =
      ChildProcess::Start({"/no/such/program"}, folder_->Join("log"));
  ASSERT_TRUE(child.ok());
  while (!child->Ended()) absl::SleepFor(absl::Milliseconds(5));
  EXPECT_NE(*child->Ended(), "exited with status 0");
  EXPECT_THAT(Log(), ::testing::HasSubstr("/no/such/program"));
}

}  // namespace
}  // namespace graft::cli
