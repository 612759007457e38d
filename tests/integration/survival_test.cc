// A search whose controller, worker and trainer are killed again and again ends as the search that
// nobody touched, and can be replayed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/rng.h"
#include "tests/integration/process_cluster.h"
#include "tests/integration/search_file.h"

namespace graft::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class SurvivalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!HasFashionMnist()) GTEST_SKIP() << kNoFashionMnist;
  }

  static std::unique_ptr<ProcessCluster> StartCluster() {
    auto cluster = ProcessCluster::Start({.workers = 2, .slots = 1});
    EXPECT_TRUE(cluster.ok()) << cluster.status();
    const CommandResult added =
        (*cluster)->Graft({"dataset", "add", "fashion_mnist", "/usr/share/datasets/fashion-mnist"});
    EXPECT_EQ(added.exit_code, 0) << added.errors;
    return *std::move(cluster);
  }

  static std::string SearchFile(const ProcessCluster& cluster) {
    return WriteSearchFile(cluster.Path(""),
                           {.name = "survival",
                            .policy = "eas: {widen_actions: 2, deepen_actions: 2}",
                            .episodes = 4,
                            .children = 4,
                            .train_images = 2000,
                            .seed = 7});
  }

  static void Submit(const ProcessCluster& cluster, bool wait) {
    std::vector<std::string> command = {"submit", SearchFile(cluster), "--request-id", "survival"};
    if (wait) command.push_back("--wait");
    const CommandResult submitted = cluster.Graft(command);
    ASSERT_EQ(submitted.exit_code, 0) << submitted.errors << cluster.Log("controller");
  }

  // Waits until so many trials are completed; the search must still run then.
  static void AwaitCompleted(const ProcessCluster& cluster, std::int64_t trials) {
    const absl::Time deadline = absl::Now() + absl::Minutes(3);
    while (absl::Now() < deadline) {
      const auto search = (*cluster.Connect())->GetSearch("searches/1");
      if (search.ok() && search->progress().completed_trials() >= trials) {
        EXPECT_EQ(search->state(), v1::SEARCH_STATE_RUNNING) << "a kill would come too late";
        return;
      }
      absl::SleepFor(absl::Milliseconds(20));
    }
    FAIL() << "the search does not go on: " << cluster.Log("controller");
  }

  static std::vector<std::string> PolicyDigests(const ProcessCluster& cluster) {
    std::vector<std::string> digests;
    const auto episodes = (*cluster.Connect())->ListEpisodes("searches/1");
    EXPECT_TRUE(episodes.ok()) << episodes.status();
    for (const v1::Episode& episode : *episodes) digests.push_back(episode.policy_digest());
    return digests;
  }

  // Key and accuracy of each trial.
  static std::vector<std::string> Measurements(const ProcessCluster& cluster) {
    std::vector<std::string> measurements;
    const auto trials = (*cluster.Connect())->ListTrials("searches/1");
    EXPECT_TRUE(trials.ok()) << trials.status();
    for (const v1::Trial& trial : *trials) {
      EXPECT_EQ(trial.state(), v1::TRIAL_STATE_COMPLETED) << trial.ShortDebugString();
      measurements.push_back(absl::StrCat(trial.trial_key(), " ",
                                          trial.result().measurement().metrics().at("accuracy")));
    }
    return measurements;
  }

  static void ExpectSoundLog(const ProcessCluster& cluster) {
    const CommandResult checked =
        RunCommand({"python3", SourcePath("tests/integration/check_event_log.py"),
                    cluster.Path("controller.db")});
    EXPECT_EQ(checked.exit_code, 0) << checked.errors;
    EXPECT_EQ(checked.output, "");
  }
};

TEST_F(SurvivalTest, KilledSearchEndsAsTheUntouchedOneAndAsItsReplay) {
  const std::unique_ptr<ProcessCluster> untouched = StartCluster();
  Submit(*untouched, /*wait=*/true);
  const std::vector<std::string> digests = PolicyDigests(*untouched);
  ASSERT_THAT(digests, SizeIs(4));

  const std::unique_ptr<ProcessCluster> cluster = StartCluster();
  Submit(*cluster, /*wait=*/false);
  base::Rng rng(/*seed=*/2026, /*stream=*/1);
  enum class Victim { kController, kWorker, kTrainer };
  std::vector<Victim> victims = {Victim::kController, Victim::kController, Victim::kController,
                                 Victim::kWorker, Victim::kTrainer};
  for (std::size_t i = victims.size(); i > 1; --i) {
    std::swap(victims[i - 1], victims[rng.UniformInt(i)]);
  }
  // Of the start network and 16 children, at random, and a random moment later.
  std::vector<std::int64_t> points = rng.Permutation(14);
  points.resize(victims.size());
  std::ranges::sort(points);
  for (std::size_t i = 0; i < victims.size(); ++i) {
    AwaitCompleted(*cluster, points[i]);
    absl::SleepFor(absl::Milliseconds(rng.UniformInt(200)));
    switch (victims[i]) {
      case Victim::kController:
        cluster->controller().Kill();
        ASSERT_TRUE(cluster->RestartController().ok()) << cluster->Log("controller");
        break;
      case Victim::kWorker:
        cluster->worker(0).Kill();
        ASSERT_TRUE(cluster->StartWorker("spare").ok());
        break;
      case Victim::kTrainer: {
        const std::vector<pid_t> trainers = ChildrenOf(cluster->worker(1).pid());
        ASSERT_THAT(trainers, SizeIs(1));
        EXPECT_EQ(kill(trainers[0], SIGKILL), 0);
        break;
      }
    }
  }
  Submit(*cluster, /*wait=*/true);

  EXPECT_EQ(PolicyDigests(*cluster), digests);
  EXPECT_EQ(Measurements(*cluster), Measurements(*untouched));
  ExpectSoundLog(*untouched);
  ExpectSoundLog(*cluster);
  const CommandResult replayed = cluster->Graft({"replay", "1"});
  EXPECT_EQ(replayed.exit_code, 0) << replayed.errors;
  EXPECT_THAT(replayed.output, HasSubstr("equal"));
  for (const std::string& digest : digests) {
    EXPECT_THAT(replayed.output, HasSubstr(digest.substr(0, 16)));
  }
}

TEST_F(SurvivalTest, ReplayTellsWhereATamperedMeasurementLeadsElsewhere) {
  const std::unique_ptr<ProcessCluster> cluster = StartCluster();
  Submit(*cluster, /*wait=*/true);
  const std::string recording = cluster->Path("recording.json");
  ASSERT_EQ(cluster->Graft({"replay", "1", "--recording", recording}).exit_code, 0);
  // The first child's accuracy, as a measurement that was counted wrongly would change it.
  constexpr char kTamper[] = R"py(
import json, sys
recording = json.load(open(sys.argv[1]))
child = [t for t in recording['trials'] if t['purpose'] == 'TRIAL_PURPOSE_CHILD'][0]
child['result']['measurement']['metrics']['accuracy'] -= 0.1
json.dump(recording, open(sys.argv[1], 'w'))
)py";
  ASSERT_EQ(RunCommand({"python3", "-c", kTamper, recording}).exit_code, 0);
  const CommandResult replayed = RunCommand({Program("graft-controller"), "replay", recording});
  EXPECT_EQ(replayed.exit_code, 1);
  EXPECT_THAT(replayed.output, HasSubstr("different: after episode 1"));
}

}  // namespace
}  // namespace graft::testing
