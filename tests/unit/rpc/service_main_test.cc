#include "common/rpc/service_main.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <string>
#include <vector>

#include "common/base/file.h"
#include "proto/graft/v1/config.pb.h"

namespace graft::rpc {
namespace {

using ::testing::HasSubstr;

class ServiceMainTest : public testing::Test {
 protected:
  int Main(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "graft-test");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    ServiceProgram program;
    program.name = "graft-test";
    program.description = "A test.";
    program.config = &config_;
    program.overrides = {{"--listen", "server.listen", "Address to listen on"}};
    program.run = [this](ShutdownSignal* signal) {
      ran_ = true;
      signal->Trigger();
      signal->Wait();
      return result_;
    };
    return ServiceMain(static_cast<int>(argv.size()), argv.data(), program);
  }

  std::string ConfigFile(const std::string& yaml) {
    const std::string path = folder_.Join("config.yaml");
    EXPECT_TRUE(base::WriteFileDurably(path, yaml).ok());
    return path;
  }

  const base::TempDir folder_ = *base::TempDir::Create();
  v1::WeightStoreConfig config_;
  absl::Status result_;
  bool ran_ = false;
};

TEST_F(ServiceMainTest, FlagOverridesFileOverridesDefault) {
  config_.set_directory("default");
  config_.set_quota_bytes(1);
  EXPECT_EQ(
      Main({"--config", ConfigFile("quota_bytes: 2\nserver: {listen: a}\n"), "--listen", "b"}),
      kExitOk);
  EXPECT_TRUE(ran_);
  EXPECT_EQ(config_.directory(), "default");
  EXPECT_EQ(config_.quota_bytes(), 2);
  EXPECT_EQ(config_.server().listen(), "b");
}

TEST_F(ServiceMainTest, VersionAndHelpEndWithoutRunning) {
  EXPECT_EQ(Main({"--version"}), kExitOk);
  EXPECT_EQ(Main({"--help"}), kExitOk);
  EXPECT_FALSE(ran_);
}

TEST_F(ServiceMainTest, PrintConfigShowsCommentsAndValues) {
  config_.set_directory("graft-store");
  testing::internal::CaptureStdout();
  EXPECT_EQ(Main({"--print-config"}), kExitOk);
  EXPECT_THAT(testing::internal::GetCapturedStdout(),
              HasSubstr("# Folder of the blobs.\ndirectory: graft-store\n"));
  EXPECT_FALSE(ran_);
}

TEST_F(ServiceMainTest, BadUsageIsExitCodeTwo) {
  EXPECT_EQ(Main({"--unknown"}), kExitUsage);
  EXPECT_EQ(Main({"--config", "/nonexistent.yaml"}), kExitUsage);
  EXPECT_EQ(Main({"--log-level", "loud"}), kExitUsage);
  EXPECT_FALSE(ran_);
}

TEST_F(ServiceMainTest, BadConfigurationIsExitCodeTwoAndNamesItsPlace) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(Main({"--config", ConfigFile("server:\n  listn: x\n")}), kExitUsage);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("config.yaml:2:3: server.listn: unknown field; did you mean \"listen\"?"));
}

TEST_F(ServiceMainTest, FailureIsExitCodeOneAndBadInputTwo) {
  result_ = absl::UnavailableError("port in use");
  EXPECT_EQ(Main({}), kExitFailure);
  result_ = absl::InvalidArgumentError("bad field");
  EXPECT_EQ(Main({}), kExitUsage);
}

TEST(ShutdownSignalTest, SignalsEndTheWait) {
  for (const auto& [number, name] : {std::pair{SIGTERM, "SIGTERM"}, std::pair{SIGINT, "SIGINT"}}) {
    ShutdownSignal signal;
    // To this thread: those of earlier tests do not block it.
    raise(number);
    EXPECT_EQ(signal.Wait(), name);
  }
}

TEST(ShutdownSignalDeathTest, SecondSignalEndsTheProcess) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        ShutdownSignal signal;
        raise(SIGTERM);
        signal.Wait();
        raise(SIGTERM);
      },
      testing::KilledBySignal(SIGTERM), "");
}

}  // namespace
}  // namespace graft::rpc
