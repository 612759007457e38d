// The trainer's program, as a worker runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <thread>

#include "common/base/file.h"
#include "common/base/mutex.h"
#include "common/blob/disk_blob_store.h"
#include "common/data/dataset_format.h"
#include "common/weights/weights.h"
#include "services/worker/trainer_supervisor.h"
#include "tests/unit/worker/testing.h"

namespace graft::worker {
namespace {

using ::testing::HasSubstr;

class TrainerTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const std::string bytes = data::EncodeDataset(runner::TinyDataset());
    ASSERT_TRUE(base::WriteFileDurably(folder_.Join("dataset"), bytes).ok());
    auto supervisor = TrainerSupervisor::Start(
        {.program = Program("graft-trainer"), .backend = GetParam(), .slots = 2});
    ASSERT_TRUE(supervisor.ok()) << supervisor.status();
    trainer_ = *std::move(supervisor);
  }

  v1::StartTrial StartOf(const std::string& trial, const trial::TrialSpec& spec) {
    v1::StartTrial start;
    start.set_trial(trial);
    *start.mutable_spec() = wire::ToProto(spec);
    start.set_fingerprint(spec.architecture.fingerprint().ToString());
    start.set_dataset_path(folder_.Join("dataset"));
    start.set_inputs_path(folder_.Join("inputs"));
    start.set_outputs_path(folder_.Join("outputs-" + trial));
    return start;
  }

  v1::TrialEnded Run(const v1::StartTrial& start) {
    return trainer_->Run(start, [](const v1::TrialProgress&) {});
  }

  v1::FailureReason ReasonOfRun(const v1::StartTrial& start) {
    const v1::TrialEnded ended = Run(start);
    EXPECT_TRUE(ended.has_failure());
    message_ = ended.failure().message();
    return ended.failure().reason();
  }

  // Runs an endless trial and calls `interrupt` once it has trained for an epoch.
  v1::TrialEnded RunUntil(const v1::StartTrial& start, const std::function<void()>& interrupt) {
    base::Mutex mutex;
    base::CondVar changed;
    bool trained = false;
    std::thread interrupter([&] {
      {
        base::MutexLock lock(&mutex);
        while (!trained) changed.Wait(&mutex);
      }
      interrupt();
    });
    const v1::TrialEnded ended = trainer_->Run(start, [&](const v1::TrialProgress&) {
      base::MutexLock lock(&mutex);
      trained = true;
      changed.SignalAll();
    });
    interrupter.join();
    return ended;
  }

  std::unique_ptr<blob::DiskBlobStore> Folder(const std::string& path) {
    return blob::DiskBlobStore::Open({.directory = path}).value();
  }

  base::TempDir folder_ = base::TempDir::Create().value();
  std::unique_ptr<TrainerSupervisor> trainer_;
  std::string message_;
};

INSTANTIATE_TEST_SUITE_P(Backends, TrainerTest, ::testing::Values("reference", "cpu"),
                         [](const auto& info) { return info.param; });

TEST_P(TrainerTest, SaysItsNumericsClass) {
  EXPECT_THAT(trainer_->numerics_class(), HasSubstr("/" + GetParam() + "/"));
}

TEST_P(TrainerTest, ChildGrowsFromTheWeightsThatItsParentLeft) {
  std::int64_t epochs = 0;
  const v1::StartTrial start = StartOf("parent", runner::TinyInitSpec());
  const v1::TrialEnded parent = trainer_->Run(
      start, [&](const v1::TrialProgress& progress) { epochs = progress.measurement().epoch(); });
  ASSERT_TRUE(parent.has_result()) << parent.failure().message();
  EXPECT_EQ(epochs, 2);

  std::filesystem::rename(start.outputs_path(), folder_.Join("inputs"));
  const v1::StartTrial grow = StartOf(
      "child", runner::TinyDeriveSpec({runner::Widen("conv1", 6), runner::Deepen("conv2", 3)}, 1,
                                      parent.result().weights()));
  const v1::TrialEnded child = Run(grow);
  ASSERT_TRUE(child.has_result()) << child.failure().message();
  EXPECT_LE(child.result().measurement().preservation_error(), 1e-5);
  EXPECT_EQ(child.result().measurement().metrics().at("initial_accuracy"),
            parent.result().measurement().metrics().at("accuracy"));
  const auto outputs = Folder(grow.outputs_path());
  for (const std::string& digest :
       {child.result().weights(), child.result().calibration_statistics()}) {
    EXPECT_TRUE(
        weights::LoadWeights(digest::WeightsDigest::Parse(digest).value(), outputs.get()).ok());
  }
}

TEST_P(TrainerTest, EqualTrialsLeaveEqualWeightsWhateverRunsBeside) {
  v1::TrialEnded ends[2];
  std::thread other([&] { ends[0] = Run(StartOf("a", runner::TinyInitSpec())); });
  ends[1] = Run(StartOf("b", runner::TinyInitSpec()));
  other.join();
  ASSERT_TRUE(ends[0].has_result() && ends[1].has_result());
  EXPECT_EQ(ends[0].result().weights(), ends[1].result().weights());
}

TEST_P(TrainerTest, StoppedTrialIsPreempted) {
  const v1::TrialEnded ended = RunUntil(StartOf("endless", runner::TinyInitSpec(kEndlessEpochs)),
                                        [&] { trainer_->Stop("endless"); });
  EXPECT_EQ(ended.failure().reason(), v1::FAILURE_REASON_PREEMPTED);
}

TEST_P(TrainerTest, KilledTrainerIsACrashOfItsTrialsAndIsStartedAgain) {
  const pid_t first = trainer_->trainer_pid();
  const v1::TrialEnded ended = RunUntil(StartOf("endless", runner::TinyInitSpec(kEndlessEpochs)),
                                        [&] { kill(first, SIGKILL); });
  EXPECT_EQ(ended.failure().reason(), v1::FAILURE_REASON_CRASHED);
  EXPECT_THAT(ended.failure().message(), HasSubstr("killed by signal 9"));
  EXPECT_TRUE(Run(StartOf("next", runner::TinyInitSpec())).has_result());
  EXPECT_NE(trainer_->trainer_pid(), first);
  EXPECT_EQ(trainer_->crash_count(), 1);
}

TEST_P(TrainerTest, DivergenceIsTyped) {
  trial::TrialSpec spec = runner::TinyInitSpec(20);
  spec.recipe.optimizer = recipe::SgdOptions{.learning_rate = 1e6, .weight_decay = 1};
  EXPECT_EQ(ReasonOfRun(StartOf("t", spec)), v1::FAILURE_REASON_DIVERGED);
}

TEST_P(TrainerTest, MissingFilesAreTyped) {
  v1::StartTrial start = StartOf("t", runner::TinyInitSpec());
  start.set_dataset_path(folder_.Join("nothing"));
  EXPECT_EQ(ReasonOfRun(start), v1::FAILURE_REASON_INPUT_MISSING);
  EXPECT_THAT(message_, HasSubstr(folder_.Join("nothing")));
  EXPECT_EQ(ReasonOfRun(StartOf("t", runner::TinyDeriveSpec({}))),
            v1::FAILURE_REASON_INPUT_MISSING);
}

TEST_P(TrainerTest, TrialsThatCannotBeRunAreInvalid) {
  v1::StartTrial start = StartOf("t", runner::TinyInitSpec());
  start.set_fingerprint(runner::TinyArchitecture(4).fingerprint().ToString());
  EXPECT_EQ(ReasonOfRun(start), v1::FAILURE_REASON_INVALID);
  start = StartOf("t", runner::TinyInitSpec());
  start.mutable_spec()->mutable_recipe()->set_threads(2);
  EXPECT_EQ(ReasonOfRun(start), v1::FAILURE_REASON_INVALID);
  EXPECT_THAT(message_, HasSubstr("recipe.threads"));
  start.clear_spec();
  EXPECT_EQ(ReasonOfRun(start), v1::FAILURE_REASON_INVALID);
}

}  // namespace
}  // namespace graft::worker
