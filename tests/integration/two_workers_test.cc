// A search through the real programs: controller, weight store and two workers with tokens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/integration/process_cluster.h"
#include "tests/integration/search_file.h"

namespace graft::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

// The bound of exact and calibrated transformations (design, foundation 6).
constexpr double kPreservationBound = 1e-4;

class TwoWorkersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!HasFashionMnist()) GTEST_SKIP() << kNoFashionMnist;
    auto cluster = ProcessCluster::Start({.workers = 2, .slots = 1, .tokens = true});
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    const CommandResult added =
        cluster_->Graft({"dataset", "add", "fashion_mnist", "/usr/share/datasets/fashion-mnist"});
    ASSERT_EQ(added.exit_code, 0) << added.errors;
  }

  std::unique_ptr<ProcessCluster> cluster_;
};

TEST_F(TwoWorkersTest, ThreeEpisodesOfEasCompleteAndEveryChildIsPreserved) {
  const std::string file =
      WriteSearchFile(cluster_->Path(""), {.name = "three-episodes",
                                           .policy = "eas: {widen_actions: 4, deepen_actions: 5}",
                                           .episodes = 3,
                                           .children = 4});
  const CommandResult submitted = cluster_->Graft({"--output", "json", "submit", file, "--wait"});
  ASSERT_EQ(submitted.exit_code, 0) << submitted.errors << cluster_->Log("controller");
  const auto result = ParseFlatJson(submitted.output);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->at("state"), "succeeded");

  const auto client = cluster_->Connect();
  ASSERT_TRUE(client.ok());
  const auto trials = (*client)->ListTrials(result->at("search"));
  ASSERT_TRUE(trials.ok()) << trials.status();
  int children = 0;
  std::set<std::string> workers;
  for (const v1::Trial& trial : *trials) {
    if (trial.purpose() != v1::TRIAL_PURPOSE_CHILD) continue;
    ++children;
    workers.insert(trial.worker());
    ASSERT_EQ(trial.state(), v1::TRIAL_STATE_COMPLETED) << trial.ShortDebugString();
    const v1::Measurement& measurement = trial.result().measurement();
    ASSERT_TRUE(measurement.has_preservation_error());
    EXPECT_LE(measurement.preservation_error(), kPreservationBound) << trial.summary();
    // The child starts where its parent stood: inherited, not trained again.
    const auto parent = (*client)->GetNetwork(trial.parent_network());
    ASSERT_TRUE(parent.ok()) << parent.status();
    EXPECT_NEAR(measurement.metrics().at("initial_accuracy"),
                parent->measurement().metrics().at("accuracy"), 0.005);
  }
  EXPECT_EQ(children, 12);
  EXPECT_THAT(workers, SizeIs(2)) << "both workers take part";
}

TEST_F(TwoWorkersTest, CallsWithoutATokenAreRefusedAndTokensAreNotLogged) {
  const CommandResult anonymous =
      RunCommand({Program("graft"), "--server", cluster_->address(), "list"});
  EXPECT_EQ(anonymous.exit_code, 1);
  EXPECT_THAT(anonymous.errors, HasSubstr("UNAUTHENTICATED"));
  for (const char* name : {"controller", "weight-store", "worker-0", "worker-1"}) {
    EXPECT_THAT(cluster_->Log(name),
                AllOf(Not(HasSubstr("user-secret-1")), Not(HasSubstr("worker-secret-2"))))
        << name;
  }
}

TEST_F(TwoWorkersTest, MetricsTellTrialsImagesAndStore) {
  const std::string file = WriteSearchFile(
      cluster_->Path(""), {.name = "metrics", .policy = "eas: {}", .episodes = 50, .children = 2});
  const CommandResult submitted = cluster_->Graft({"--output", "json", "submit", file});
  ASSERT_EQ(submitted.exit_code, 0) << submitted.errors;
  // The policy's numbers appear with its first update.
  std::string controller;
  const absl::Time deadline = absl::Now() + absl::Minutes(2);
  while (controller.find("graft_policy_entropy") == std::string::npos && absl::Now() < deadline) {
    controller = cluster_->Metrics("controller").value_or("");
    absl::SleepFor(absl::Milliseconds(100));
  }
  EXPECT_THAT(controller,
              AllOf(HasSubstr("graft_trials{"), HasSubstr("graft_policy_entropy"),
                    HasSubstr("graft_policy_baseline"), HasSubstr("preservation_error")));
  const auto store = cluster_->Metrics("weight-store");
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_THAT(*store, AllOf(HasSubstr("graft_store_bytes"),
                            HasSubstr("graft_store_reads_total{outcome=\"hit\"}")));
  std::string workers;
  for (const char* name : {"worker-0", "worker-1"}) {
    workers += cluster_->Metrics(name).value_or("");
  }
  EXPECT_THAT(workers, AllOf(HasSubstr("images_per_second"),
                             HasSubstr("graft_worker_data_wait_seconds_total"),
                             HasSubstr("graft_worker_trials_total{outcome=\"completed\"}")));
  EXPECT_EQ(cluster_->Graft({"cancel", ParseFlatJson(submitted.output)->at("name")}).exit_code, 0);
}

TEST_F(TwoWorkersTest, CancelledSearchFreesItsWorkers) {
  const std::string file = WriteSearchFile(cluster_->Path(""), {.name = "cancelled",
                                                                .episodes = 50,
                                                                .train_images = 20000,
                                                                .epochs = 20,
                                                                .start_epochs = 20});
  const CommandResult submitted = cluster_->Graft({"--output", "json", "submit", file});
  ASSERT_EQ(submitted.exit_code, 0) << submitted.errors;
  const std::string search = ParseFlatJson(submitted.output)->at("name");
  const auto client = cluster_->Connect();
  ASSERT_TRUE(client.ok());
  const auto busy_workers = [&] {
    int busy = 0;
    const auto workers = (*client)->ListWorkers();
    for (const v1::Worker& worker : *workers) busy += worker.trials_size() > 0 ? 1 : 0;
    return busy;
  };
  const absl::Time deadline = absl::Now() + absl::Minutes(2);
  while (busy_workers() == 0 && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(50));
  const CommandResult cancelled = cluster_->Graft({"cancel", search});
  EXPECT_EQ(cancelled.exit_code, 0) << cancelled.errors;
  while (busy_workers() > 0 && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(50));
  EXPECT_EQ(busy_workers(), 0);
  EXPECT_EQ((*client)->GetSearch(search)->state(), v1::SEARCH_STATE_CANCELLED);
}

TEST_F(TwoWorkersTest, SearchIsPausedResumedExtendedComparedAndDeleted) {
  const std::string file =
      WriteSearchFile(cluster_->Path(""), {.name = "changed", .episodes = 2, .children = 2});
  ASSERT_EQ(cluster_->Graft({"submit", file}).exit_code, 0);
  const CommandResult paused = cluster_->Graft({"pause", "1"});
  ASSERT_EQ(paused.exit_code, 0) << paused.errors;
  EXPECT_THAT(paused.output, HasSubstr("paused"));
  EXPECT_THAT(cluster_->Graft({"list"}).output, HasSubstr("paused"));
  EXPECT_EQ(cluster_->Graft({"delete", "1"}).exit_code, 1) << "it has not ended";
  ASSERT_EQ(cluster_->Graft({"resume", "1"}).exit_code, 0);
  ASSERT_EQ(cluster_->Graft({"watch", "1"}).exit_code, 0);
  const CommandResult extended = cluster_->Graft({"extend", "1", "--episodes", "3"});
  ASSERT_EQ(extended.exit_code, 0) << extended.errors;
  EXPECT_THAT(extended.output, HasSubstr("3 episodes"));
  ASSERT_EQ(cluster_->Graft({"watch", "1"}).exit_code, 0);
  EXPECT_THAT(cluster_->Graft({"show", "1"}).output, HasSubstr("succeeded"));
  EXPECT_EQ(cluster_->Graft({"replay", "1"}).exit_code, 0);

  const std::string other = WriteSearchFile(
      cluster_->Path(""), {.name = "other", .episodes = 1, .children = 2, .seed = 2});
  ASSERT_EQ(cluster_->Graft({"submit", other, "--wait"}).exit_code, 0);
  const CommandResult compared = cluster_->Graft({"compare", "1", "2"});
  ASSERT_EQ(compared.exit_code, 0) << compared.errors;
  EXPECT_THAT(compared.output,
              AllOf(HasSubstr("mean child of episode 3"), HasSubstr("modified: seed: 1 -> 2")));

  const CommandResult healthy = cluster_->Graft({"doctor"});
  EXPECT_EQ(healthy.exit_code, 0) << healthy.output << healthy.errors;
  EXPECT_THAT(healthy.output, AllOf(HasSubstr("weight store"), HasSubstr("2 with 2 slots")));

  ASSERT_EQ(cluster_->Graft({"delete", "1"}).exit_code, 0);
  EXPECT_EQ(cluster_->Graft({"show", "1"}).exit_code, 1);
  EXPECT_EQ(cluster_->Graft({"networks", "2"}).exit_code, 0);
}

TEST_F(TwoWorkersTest, BadSearchFilesAreRefusedBeforeAnyTrialWithLineAndField) {
  const struct {
    const char* name;
    const char* text;
    const char* expected;
  } cases[] = {
      {"unknown-dataset",
       "task: {image_classification: {dataset: nowhere}}\nspace: {plain: }\npolicy: {random: }\n",
       "unknown-dataset.yaml:1:"},
      {"unknown-key", "task: {image_classification: {dataset: fashion_mnist}}\nbudgets: {}\n",
       "unknown-key.yaml:2:1"},
      {"duplicate-key", "seed: 1\nseed: 2\n", "duplicate-key.yaml:2:1"},
      {"ladder",
       "task: {image_classification: {dataset: fashion_mnist}}\npolicy: {random: }\n"
       "space:\n  plain:\n    filters: [8, 4]\n",
       "ladder.yaml:5:"},
      {"layers",
       "task: {image_classification: {dataset: fashion_mnist}}\npolicy: {random: }\n"
       "space:\n  plain:\n    max_layers: 2\n",
       "layers.yaml:5:"},
      {"pool",
       "task: {image_classification: {dataset: fashion_mnist}}\npolicy: {random: }\n"
       "space:\n  plain:\n    start:\n      layers:\n"
       "        - {op: convolution, attributes: {filters: 4, kernel: 3}}\n"
       "        - {op: max_pool, attributes: {kernel: 29}}\n",
       "pool.yaml:8:"},
  };
  for (const auto& bad : cases) {
    const std::string path = cluster_->Path(absl::StrCat(bad.name, ".yaml"));
    ASSERT_TRUE(base::WriteFileDurably(path, bad.text).ok());
    for (const bool validate_only : {true, false}) {
      std::vector<std::string> arguments = {"submit", path};
      if (validate_only) arguments.push_back("--validate-only");
      const CommandResult result = cluster_->Graft(arguments);
      EXPECT_EQ(result.exit_code, 1) << bad.name;
      EXPECT_THAT(result.errors, HasSubstr(bad.expected));
    }
  }
  EXPECT_EQ(cluster_->Graft({"--output", "json", "list"}).output.find("searches/"),
            std::string::npos);
}

}  // namespace
}  // namespace graft::testing
