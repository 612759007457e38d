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

TEST(ArgumentChecksTest, ImageSizesAreHeightAndWidth) {
  EXPECT_THAT(CheckImageSize("32x48"), IsEmpty());
  EXPECT_EQ(ParseImageSize("32x48"), (data::ImageSize{.height = 32, .width = 48}));
  for (const char* bad : {"32", "32x", "x32", "0x5", "5x4097", "-1x4", "32x32x3", "32X32", ""}) {
    EXPECT_THAT(CheckImageSize(bad), HasSubstr("expected HEIGHTxWIDTH")) << bad;
  }
}

TEST(ArgumentChecksTest, FractionsLieBetweenZeroAndOne) {
  EXPECT_THAT(CheckFraction("0.25"), IsEmpty());
  for (const char* bad : {"0", "1", "-0.5", "nan", "half", ""}) {
    EXPECT_THAT(CheckFraction(bad), HasSubstr("expected a number between 0 and 1")) << bad;
  }
}

// What `graft` with arguments that cannot be right prints.
std::string OutputOfMisuse(const std::vector<std::string>& arguments) {
  const char* folder = std::getenv("GRAFT_BIN_DIR");
  GRAFT_CHECK(folder != nullptr) << "GRAFT_BIN_DIR is not set: run the test through ctest";
  const base::TempDir directory = base::TempDir::Create().value();
  const std::string log = directory.Join("log");
  std::vector<std::string> words = {std::string(folder) + "/graft"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  auto graft = base::ChildProcess::Start({.arguments = words, .log_path = log});
  GRAFT_CHECK_OK(graft.status());
  EXPECT_EQ(graft->AwaitEnd(absl::Seconds(60)), "exited with status 2");
  return base::ReadFile(log).value_or("");
}

class UsageTest : public ::testing::TestWithParam<std::vector<std::string>> {};

TEST_P(UsageTest, WrongArgumentsExitWithStatusTwoAndSayWhatIsExpected) {
  const std::vector<std::string>& words = GetParam();
  // Names the flag of the last but one argument.
  EXPECT_THAT(OutputOfMisuse(words),
              AllOf(HasSubstr(words[words.size() - 2]), HasSubstr("expected")));
}

INSTANTIATE_TEST_SUITE_P(
    All, UsageTest,
    ::testing::Values(std::vector<std::string>{"list", "--label", "bad"},
                      std::vector<std::string>{"list", "--server", "no-port"},
                      std::vector<std::string>{"dataset", "list", "--weight-store", "host:port"},
                      std::vector<std::string>{"local", "--listen", "7070"},
                      std::vector<std::string>{"dataset", "add", "name", "dir", "--resize", "32"},
                      std::vector<std::string>{"dataset", "add", "name", "dir", "--test-fraction",
                                               "1"}));

TEST(DatasetUsageTest, GreyAndColourExcludeEachOther) {
  EXPECT_THAT(OutputOfMisuse({"dataset", "add", "name", "dir", "--grey", "--colour"}),
              AllOf(HasSubstr("--grey"), HasSubstr("--colour")));
}

TEST(OutputUsageTest, UnknownFormatIsRefusedWithThoseThereAre) {
  EXPECT_THAT(OutputOfMisuse({"list", "--output", "xml"}),
              AllOf(HasSubstr("--output"), HasSubstr("json, table"), HasSubstr("xml")));
}

TEST(DatasetUsageTest, UnknownFormatIsRefusedWithThoseThereAre) {
  EXPECT_THAT(OutputOfMisuse({"dataset", "add", "name", "dir", "--format", "tar"}),
              AllOf(HasSubstr("--format"), HasSubstr("idx"), HasSubstr("image-folder")));
}

}  // namespace
}  // namespace graft::cli
