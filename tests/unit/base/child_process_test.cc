#include "common/base/child_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <csignal>
#include <cstdlib>

#include "absl/time/clock.h"
#include "common/base/file.h"

namespace graft::base {
namespace {

using ::testing::HasSubstr;

// Turns a hang into a failure.
constexpr absl::Duration kPatience = absl::Seconds(30);

class ChildProcessTest : public ::testing::Test {
 protected:
  ChildOptions OptionsOf(const std::string& script) const {
    return {.arguments = {"/bin/sh", "-c", script}, .log_path = folder_.Join("log")};
  }
  std::string Log() const { return ReadFile(folder_.Join("log")).value_or(""); }
  // Waits until the child has said so.
  void AwaitLog(const std::string& text) {
    const absl::Time deadline = absl::Now() + kPatience;
    while (Log().find(text) == std::string::npos && absl::Now() < deadline) {
      absl::SleepFor(absl::Milliseconds(5));
    }
    ASSERT_THAT(Log(), HasSubstr(text));
  }

  const TempDir folder_ = TempDir::Create().value();
};

TEST_F(ChildProcessTest, SaysHowItEndedAndKeepsItsOutput) {
  auto child = ChildProcess::Start(OptionsOf("echo out; echo err >&2; exit 3"));
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_EQ(child->AwaitEnd(kPatience), "exited with status 3");
  EXPECT_EQ(child->Ended(), "exited with status 3");
  EXPECT_EQ(Log(), "out\nerr\n");
}

TEST_F(ChildProcessTest, StopTerminatesAndKillsWhatIgnoresIt) {
  auto polite = ChildProcess::Start(OptionsOf("echo up; exec sleep 600"));
  ASSERT_TRUE(polite.ok());
  AwaitLog("up");
  EXPECT_EQ(polite->Stop(kPatience), "killed by signal 15");

  auto stubborn = ChildProcess::Start(
      OptionsOf("trap '' TERM; echo deaf; while :; do read -r line <&- || true; done"));
  ASSERT_TRUE(stubborn.ok());
  AwaitLog("deaf");
  EXPECT_EQ(stubborn->AwaitEnd(absl::ZeroDuration()), std::nullopt);
  EXPECT_EQ(stubborn->Stop(absl::Milliseconds(50)), "killed by signal 9");
  EXPECT_EQ(stubborn->pid(), -1);
}

TEST_F(ChildProcessTest, MissingProgramIsAnErrorOrEndsWithItsReasonInTheLog) {
  ChildOptions options = OptionsOf("");
  options.arguments = {"/no/such/program"};
  EXPECT_THAT(ChildProcess::Start(options).status().ToString(), HasSubstr("/no/such/program"));
  options.ends_with_parent = true;
  auto child = ChildProcess::Start(options);
  ASSERT_TRUE(child.ok());
  EXPECT_NE(child->AwaitEnd(kPatience).value_or("does not end"), "exited with status 0");
  EXPECT_THAT(Log(), HasSubstr("/no/such/program"));
}

TEST_F(ChildProcessTest, EnvironmentIsThatOfTheParentWithChanges) {
  setenv("GRAFT_TEST_KEPT", "kept", 1);
  setenv("GRAFT_TEST_CHANGED", "old", 1);
  ChildOptions options = OptionsOf("echo $GRAFT_TEST_KEPT $GRAFT_TEST_CHANGED $GRAFT_TEST_NEW");
  options.environment = {"GRAFT_TEST_CHANGED=changed", "GRAFT_TEST_NEW=new"};
  auto child = ChildProcess::Start(options);
  ASSERT_TRUE(child.ok());
  EXPECT_EQ(child->AwaitEnd(kPatience), "exited with status 0");
  EXPECT_EQ(Log(), "kept changed new\n");
}

TEST_F(ChildProcessTest, SocketArrivesUnderItsNumber) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  ChildOptions options = OptionsOf("echo hello >&3");
  options.socket = theirs.get();
  auto child = ChildProcess::Start(options);
  ASSERT_TRUE(child.ok());
  theirs.Reset();
  char text[16] = {};
  EXPECT_EQ(recv(ours.get(), text, 6, MSG_WAITALL), 6);
  EXPECT_STREQ(text, "hello\n");
}

TEST_F(ChildProcessTest, SignalsThatEndProgramsDoSoWhateverTheyDoHere) {
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  const auto former = signal(SIGINT, SIG_IGN);
  for (const int number : {SIGINT, SIGTERM}) {
    auto child = ChildProcess::Start(OptionsOf("exec sleep 600"));
    ASSERT_TRUE(child.ok());
    child->Signal(number);
    EXPECT_EQ(child->AwaitEnd(kPatience), "killed by signal " + std::to_string(number));
  }
  signal(SIGINT, former);
  pthread_sigmask(SIG_UNBLOCK, &blocked, nullptr);
}

TEST(ProgramFolderTest, HoldsThisProgram) {
  const auto folder = ProgramFolder();
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_TRUE(ReadFile(*folder + "/base_test").ok());
}

}  // namespace
}  // namespace graft::base
