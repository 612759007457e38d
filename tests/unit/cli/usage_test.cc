// What `graft` does with arguments that cannot be right.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "common/base/check.h"
#include "common/base/child_process.h"
#include "common/base/file.h"
#include "services/cli/argument_checks.h"

namespace graft::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ArgumentChecksTest, AddressesAreHostAndPort) {
  for (const char* good : {"127.0.0.1:7070", "localhost:1", "[::1]:7070", "controller:65535"}) {
    EXPECT_THAT(CheckServerAddress(good), IsEmpty()) << good;
  }
  for (const char* bad : {"localhost", "localhost:", ":7070", "::1:7070", "host:65536", "host:0"}) {
    EXPECT_THAT(CheckServerAddress(bad), AllOf(HasSubstr("host:port"), HasSubstr(bad))) << bad;
  }
  EXPECT_THAT(CheckListenAddress("127.0.0.1:0"), IsEmpty());
  EXPECT_THAT(CheckListenAddress("127.0.0.1"), HasSubstr("127.0.0.1:7070"));
}

TEST(ArgumentChecksTest, LabelsAreNameAndValue) {
  EXPECT_THAT(CheckLabel("team=vision"), IsEmpty());
  EXPECT_THAT(CheckLabel("team="), IsEmpty());
  EXPECT_THAT(CheckLabel("bad"), AllOf(HasSubstr("name=value"), HasSubstr("bad")));
  EXPECT_THAT(CheckLabel("=vision"), HasSubstr("name=value"));
}

class UsageTest : public ::testing::TestWithParam<std::vector<std::string>> {};

TEST_P(UsageTest, WrongArgumentsExitWithStatusTwoAndSayWhatIsExpected) {
  const char* folder = std::getenv("GRAFT_BIN_DIR");
  GRAFT_CHECK(folder != nullptr) << "GRAFT_BIN_DIR is not set: run the test through ctest";
  const base::TempDir directory = base::TempDir::Create().value();
  const std::string log = directory.Join("log");
  std::vector<std::string> words = {std::string(folder) + "/graft"};
  words.insert(words.end(), GetParam().begin(), GetParam().end());
  auto graft = base::ChildProcess::Start({.arguments = words, .log_path = log});
  ASSERT_TRUE(graft.ok()) << graft.status();
  EXPECT_EQ(graft->AwaitEnd(absl::Seconds(60)), "exited with status 2");
  // Names the flag of the last but one argument.
  EXPECT_THAT(base::ReadFile(log).value_or(""),
              AllOf(HasSubstr(words[words.size() - 2]), HasSubstr("expected")));
}

INSTANTIATE_TEST_SUITE_P(All, UsageTest,
                         ::testing::Values(std::vector<std::string>{"list", "--label", "bad"},
                                           std::vector<std::string>{"list", "--server", "no-port"},
                                           std::vector<std::string>{"dataset", "list",
                                                                    "--weight-store", "host:port"},
                                           std::vector<std::string>{"local", "--listen", "7070"}));

}  // namespace
}  // namespace graft::cli
