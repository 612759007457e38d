// The first minute of a user: `graft local`, then `graft submit deploy/examples/smoke.yaml --wait`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/child_process.h"
#include "common/base/file.h"
#include "tests/integration/process_cluster.h"
#include "tests/integration/search_file.h"

namespace graft::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// `graft local` on a free port in a folder of its own.
class LocalClusterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!HasFashionMnist()) GTEST_SKIP() << kNoFashionMnist;
    absl::StatusOr<base::TempDir> folder = base::TempDir::Create("graft-local-");
    ASSERT_TRUE(folder.ok());
    folder_.emplace(*std::move(folder));
  }

  void StartLocal() {
    std::filesystem::remove(Log());
    absl::StatusOr<base::ChildProcess> process = base::ChildProcess::Start(
        {.arguments = {Program("graft"), "local", "--dir", Directory(), "--listen", "127.0.0.1:0"},
         .log_path = Log(),
         .ends_with_parent = true});
    ASSERT_TRUE(process.ok()) << process.status();
    local_.emplace(*std::move(process));
    const absl::Time deadline = absl::Now() + absl::Minutes(2);
    while (LogText().find("\nready") == std::string::npos) {
      ASSERT_FALSE(local_->Ended()) << LogText();
      ASSERT_LT(absl::Now(), deadline) << LogText();
      absl::SleepFor(absl::Milliseconds(20));
    }
  }

  std::string Directory() const { return folder_->Join("state"); }
  std::string Log() const { return folder_->Join("local.log"); }
  std::string LogText() const { return base::ReadFile(Log()).value_or(""); }
  std::string Endpoint() const {
    return base::ReadFile(Directory() + "/endpoint").value_or("no endpoint file");
  }
  CommandResult Graft(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {Program("graft"), "--server", Endpoint()});
    return RunCommand(arguments);
  }

  // As `graft local` has said at its start.
  std::vector<std::string> MetricsUrls() const {
    std::vector<std::string> urls;
    const std::string prefix = "metrics at ";
    std::istringstream lines(LogText());
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with(prefix)) urls.push_back(line.substr(prefix.size()));
    }
    return urls;
  }

  std::optional<base::TempDir> folder_;
  std::optional<base::ChildProcess> local_;
};

TEST_F(LocalClusterTest, SmokeSearchFindsAChildAboveTheStartNetwork) {
  StartLocal();
  const CommandResult submitted =
      Graft({"--output", "json", "submit", "--wait", SourcePath("deploy/examples/smoke.yaml")});
  ASSERT_EQ(submitted.exit_code, 0) << submitted.errors << LogText();
  const auto result = ParseFlatJson(submitted.output);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->at("state"), "succeeded");
  EXPECT_EQ(NumberOf(*result, "trials"), 8);
  EXPECT_GT(NumberOf(*result, "best_accuracy"), NumberOf(*result, "start_accuracy"));
  EXPECT_GT(NumberOf(*result, "best_test_accuracy"), 0.1);

  const std::string search = result->at("search");
  const CommandResult trials = Graft({"trials", search});
  EXPECT_THAT(trials.output, HasSubstr("completed"));
  const std::string exported = folder_->Join("best");
  const CommandResult exporting = Graft({"export", result->at("best_network"), exported});
  ASSERT_EQ(exporting.exit_code, 0) << exporting.errors;
  for (const char* file : {"weights.safetensors", "architecture.json", "network.json"}) {
    EXPECT_TRUE(std::filesystem::exists(exported + "/" + file)) << file;
  }
  const CommandResult lineage = Graft({"lineage", result->at("best_network")});
  EXPECT_THAT(lineage.output, HasSubstr("widen_layer"));
  const CommandResult logs = Graft({"logs", search + "/trials/1", "--follow"});
  EXPECT_EQ(logs.exit_code, 0) << logs.errors;
  EXPECT_THAT(logs.output, AllOf(HasSubstr("inherited the parent's weights"),
                                 HasSubstr("epoch 1 of"), HasSubstr("completed")));
  const CommandResult lines = Graft({"--output", "json", "logs", search + "/trials/1"});
  EXPECT_EQ(std::count(lines.output.begin(), lines.output.end(), '\n'),
            std::count(logs.output.begin(), logs.output.end(), '\n'));
  EXPECT_THAT(lines.output, HasSubstr("\"severity\":\"LOG_SEVERITY_INFO\""));
}

TEST_F(LocalClusterTest, PredictionsForTheTestImagesAreAsGoodAsTheReportSays) {
  StartLocal();
  const std::string images = folder_->Join("images");
  const CommandResult written = RunCommand(
      {"python3", SourcePath("tests/integration/fashion_mnist_png.py"), images, "10000"});
  ASSERT_EQ(written.exit_code, 0) << written.errors;
  const CommandResult submitted =
      Graft({"--output", "json", "submit", "--wait", SourcePath("deploy/examples/smoke.yaml")});
  ASSERT_EQ(submitted.exit_code, 0) << submitted.errors << LogText();
  const auto result = ParseFlatJson(submitted.output);
  ASSERT_TRUE(result.ok()) << result.status();
  const CommandResult predicted = Graft({"evaluate", result->at("best_network"), images});
  ASSERT_EQ(predicted.exit_code, 0) << predicted.errors;
  const long correct = std::lround(10'000 * NumberOf(*result, "best_test_accuracy"));
  EXPECT_THAT(predicted.output, HasSubstr(absl::StrCat(correct, " of 10000 images")));

  const std::string other_size = folder_->Join("other.png");
  ASSERT_TRUE(base::WriteFileDurably(
                  other_size, base::ReadFile(SourcePath("tests/golden/data/colour.png")).value())
                  .ok());
  const CommandResult refused = Graft({"evaluate", result->at("best_network"), other_size});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.errors, AllOf(HasSubstr(other_size), HasSubstr("--resize")));
  const CommandResult resized =
      Graft({"evaluate", result->at("best_network"), other_size, "--resize", "--top", "1"});
  EXPECT_EQ(resized.exit_code, 0) << resized.errors;
}

TEST_F(LocalClusterTest, StoppedSearchGoesOnWhenTheClusterIsStartedAgain) {
  StartLocal();
  const std::string file = WriteSearchFile(
      folder_->path(), {.name = "resumed", .episodes = 3, .train_images = 4000, .epochs = 2});
  const CommandResult submitted = Graft({"submit", file, "--request-id", "resumed-1"});
  ASSERT_EQ(submitted.exit_code, 0) << submitted.errors;
  const absl::Time deadline = absl::Now() + absl::Minutes(3);
  while (Graft({"list"}).output.find("1/3") == std::string::npos) {
    ASSERT_LT(absl::Now(), deadline);
    absl::SleepFor(absl::Milliseconds(100));
  }
  EXPECT_EQ(local_->Stop(absl::Seconds(60)), "exited with status 0") << LogText();

  StartLocal();
  const CommandResult again =
      Graft({"--output", "json", "submit", file, "--request-id", "resumed-1", "--wait"});
  ASSERT_EQ(again.exit_code, 0) << again.errors << LogText();
  const auto result = ParseFlatJson(again.output);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->at("state"), "succeeded");
  const auto searches = Graft({"list"}).output;
  EXPECT_EQ(std::count(searches.begin(), searches.end(), '\n'), 2) << searches;
}

TEST_F(LocalClusterTest, SecondClusterInTheSameFolderIsRefusedWithTheAddressOfTheFirst) {
  StartLocal();
  const CommandResult second =
      RunCommand({Program("graft"), "local", "--dir", Directory(), "--listen", "127.0.0.1:0"});
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.errors, HasSubstr("runs in"));
  EXPECT_THAT(second.errors, HasSubstr(Endpoint()));
}

TEST_F(LocalClusterTest, PortInUseIsRefusedWithWhatToDo) {
  StartLocal();
  const CommandResult second = RunCommand(
      {Program("graft"), "local", "--dir", folder_->Join("other"), "--listen", Endpoint()});
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.errors, HasSubstr("is in use"));
  EXPECT_THAT(second.errors, HasSubstr("--listen"));
}

TEST_F(LocalClusterTest, KilledServicesAreStartedAgainAndTheSearchEnds) {
  StartLocal();
  const std::string file =
      WriteSearchFile(folder_->path(), {.name = "killed", .episodes = 10, .train_images = 4000});
  ASSERT_EQ(Graft({"submit", file, "--request-id", "killed-1"}).exit_code, 0);
  const absl::Time deadline = absl::Now() + absl::Minutes(3);
  while (Graft({"list"}).output.find("1/10") == std::string::npos) {
    ASSERT_LT(absl::Now(), deadline);
    absl::SleepFor(absl::Milliseconds(20));
  }
  const std::vector<pid_t> workers = ProcessesWith(Directory() + "/config/worker.yaml");
  const std::vector<pid_t> controllers = ProcessesWith(Directory() + "/config/controller.yaml");
  ASSERT_THAT(workers, SizeIs(1));
  ASSERT_THAT(controllers, SizeIs(1));
  const std::vector<pid_t> trainers = ChildrenOf(workers[0]);
  ASSERT_THAT(trainers, SizeIs(1));
  for (const pid_t victim : {trainers[0], workers[0], controllers[0]}) {
    EXPECT_EQ(kill(victim, SIGKILL), 0);
  }
  const CommandResult watched =
      Graft({"--output", "json", "submit", file, "--request-id", "killed-1", "--wait"});
  ASSERT_EQ(watched.exit_code, 0) << watched.errors << LogText();
  EXPECT_EQ(ParseFlatJson(watched.output)->at("state"), "succeeded");
  // The restarted programs serve their metrics where they did: Prometheus goes on scraping.
  const std::vector<std::string> urls = MetricsUrls();
  ASSERT_THAT(urls, SizeIs(3));
  for (const std::string& url : urls) {
    EXPECT_THAT(RunCommand({"curl", "--silent", url}).output, HasSubstr("graft_")) << url;
  }
}

}  // namespace
}  // namespace graft::testing
