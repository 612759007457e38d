#include "common/base/logging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <thread>
#include <vector>

namespace graft::base {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::SizeIs;
using testing::StartsWith;

class LoggingTest : public testing::Test {
 protected:
  ~LoggingTest() override { ConfigureLogging({}); }

  void Configure(LogLevel minimum_level, LogFormat format) {
    ConfigureLogging({.process_name = "tester",
                      .minimum_level = minimum_level,
                      .format = format,
                      .sink = [this](std::string_view line) { lines_.emplace_back(line); }});
  }

  std::vector<std::string> lines_;
};

TEST_F(LoggingTest, JsonLineHoldsMessageAndFields) {
  Configure(LogLevel::kInfo, LogFormat::kJson);
  LogWarning("lease \"lost\"", {{"trial", "t-1"},
                                {"slots", 3},
                                {"bytes", size_t{1} << 63},
                                {"ratio", 0.5F},
                                {"loss", std::nan("")},
                                {"late", true},
                                {"error", absl::NotFoundError("gone")},
                                {"after", absl::Milliseconds(1500)}});
  ASSERT_THAT(lines_, SizeIs(1));
  EXPECT_THAT(lines_[0],
              MatchesRegex("\\{\"time\":\"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
                           "\\.[0-9]{6}Z\",\"level\":\"warning\",.*\n"));
  EXPECT_THAT(lines_[0], HasSubstr(R"("process":"tester","pid":)"));
  EXPECT_THAT(lines_[0],
              EndsWith(R"("message":"lease \"lost\"","trial":"t-1","slots":3,)"
                       R"("bytes":9223372036854775808,"ratio":0.5,"loss":"nan","late":true,)"
                       R"("error":"NOT_FOUND: gone","after":"1.5s"})"
                       "\n"));
}

TEST_F(LoggingTest, LineBreaksInValuesDoNotBreakTheLine) {
  Configure(LogLevel::kInfo, LogFormat::kJson);
  LogInfo("one\ntwo", {{"path", "a\nb"}});
  ASSERT_THAT(lines_, SizeIs(1));
  EXPECT_EQ(lines_[0].find('\n'), lines_[0].size() - 1);
}

TEST_F(LoggingTest, TextLineIsForPeople) {
  Configure(LogLevel::kInfo, LogFormat::kText);
  LogInfo("started", {{"port", 8080}});
  ASSERT_THAT(lines_, SizeIs(1));
  EXPECT_THAT(lines_[0], EndsWith(" info  started  port=8080\n"));
}

TEST_F(LoggingTest, LinesBelowTheMinimumLevelAreDropped) {
  Configure(LogLevel::kWarning, LogFormat::kJson);
  LogDebug("no");
  LogInfo("no");
  LogWarning("yes");
  LogError("yes");
  EXPECT_THAT(lines_, SizeIs(2));
  Configure(LogLevel::kDebug, LogFormat::kJson);
  LogDebug("yes");
  EXPECT_THAT(lines_, SizeIs(3));
}

TEST_F(LoggingTest, LinesOfThreadsDoNotMix) {
  Configure(LogLevel::kInfo, LogFormat::kJson);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([i] {
      for (int j = 0; j < 100; ++j) LogInfo("line", {{"thread", i}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(lines_, SizeIs(400));
  for (const std::string& line : lines_) {
    EXPECT_THAT(line, StartsWith("{\"time\""));
    EXPECT_THAT(line, EndsWith("}\n"));
  }
}

TEST_F(LoggingTest, WritesToStderrWithoutASink) {
  ConfigureLogging({.process_name = "p", .format = LogFormat::kJson});
  testing::internal::CaptureStderr();
  LogInfo("to stderr");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("\"message\":\"to stderr\"}\n"));
}

TEST(LogLevelTest, NamesRoundTrip) {
  for (const LogLevel level :
       {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError}) {
    EXPECT_EQ(*ParseLogLevel(LogLevelName(level)), level);
  }
  EXPECT_TRUE(absl::IsInvalidArgument(ParseLogLevel("loud").status()));
}

}  // namespace
}  // namespace graft::base
