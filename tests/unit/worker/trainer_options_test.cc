// What a trainer is started with: a memory limit, and a kernel table as `graft tune` writes it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "common/base/child_process.h"
#include "common/base/file.h"
#include "common/data/dataset_format.h"
#include "common/engine/cpu/kernel_table.h"
#include "services/worker/trainer_supervisor.h"
#include "tests/unit/worker/testing.h"

namespace graft::worker {
namespace {

using engine::cpu::KernelTable;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class TrainerOptionsTest : public ::testing::Test {
 protected:
  TrainerOptionsTest() {
    const std::string bytes = data::EncodeDataset(runner::TinyDataset());
    GRAFT_CHECK_OK(base::WriteFileDurably(folder_.Join("dataset"), bytes));
  }

  static absl::StatusOr<std::unique_ptr<TrainerSupervisor>> Start(TrainerOptions options) {
    options.program = Program("graft-trainer");
    options.backend = "cpu";
    options.slots = 1;
    return TrainerSupervisor::Start(options);
  }

  v1::TrialEnded Run(TrainerSupervisor& trainer, std::int64_t threads = 1) {
    trial::TrialSpec spec = runner::TinyInitSpec();
    spec.recipe.threads = threads;
    v1::StartTrial start;
    start.set_trial("t");
    *start.mutable_spec() = wire::ToProto(spec);
    start.set_fingerprint(spec.architecture.fingerprint().ToString());
    start.set_dataset_path(folder_.Join("dataset"));
    start.set_inputs_path(folder_.Join("inputs"));
    start.set_outputs_path(folder_.Join("outputs"));
    return trainer.Run(start, [](const v1::TrialProgress&) {});
  }

  std::string Write(const std::string& text) {
    std::string path = folder_.Join("kernels");
    GRAFT_CHECK_OK(base::WriteFileDurably(path, text));
    return path;
  }

  base::TempDir folder_ = base::TempDir::Create().value();
};

TEST_F(TrainerOptionsTest, TrialBeyondTheMemoryLimitEndsWithWhatItWouldTake) {
  const auto trainer = Start({.trial_memory_bytes = 4096});
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const v1::TrialEnded ended = Run(**trainer);
  EXPECT_EQ(ended.failure().reason(), v1::FAILURE_REASON_OUT_OF_MEMORY) << ended.ShortDebugString();
  EXPECT_THAT(ended.failure().message(),
              AllOf(HasSubstr("would take"), HasSubstr("bytes, the limit is 4096")));
}

TEST_F(TrainerOptionsTest, TrialWithinTheMemoryLimitRuns) {
  const auto trainer = Start({.trial_memory_bytes = 256 << 20});
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  EXPECT_TRUE(Run(**trainer).has_result());
}

// Other kernels, other bits: their trials must not count as repetitions of one another.
TEST_F(TrainerOptionsTest, KernelTableIsPartOfTheNumericsClass) {
  const KernelTable direct;
  const auto shipped = Start({});
  const auto own = Start({.kernel_table = Write(direct.ToText())});
  ASSERT_TRUE(shipped.ok() && own.ok()) << shipped.status() << own.status();
  EXPECT_THAT((*shipped)->numerics_class(),
              HasSubstr("kernels-" + KernelTable::Default().Digest()));
  EXPECT_THAT((*own)->numerics_class(), HasSubstr("kernels-" + direct.Digest()));
  EXPECT_NE((*own)->numerics_class(), (*shipped)->numerics_class());
  EXPECT_TRUE(Run(**own).has_result());
}

// oneDNN would wait for ever for threads that do not come.
TEST_F(TrainerOptionsTest, TrialOfMoreThreadsThanTheEnvironmentAllowsFails) {
  const char* const before = std::getenv("OMP_THREAD_LIMIT");
  const std::string limit = before == nullptr ? "" : before;
  setenv("OMP_THREAD_LIMIT", "1", /*replace=*/1);
  const auto trainer = Start({.threads_per_trial = 2});
  unsetenv("OMP_THREAD_LIMIT");
  if (before != nullptr) setenv("OMP_THREAD_LIMIT", limit.c_str(), /*replace=*/1);
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  EXPECT_THAT(Run(**trainer, /*threads=*/2).failure().message(),
              HasSubstr("OMP_THREAD_LIMIT allows 1"));
}

TEST_F(TrainerOptionsTest, DamagedOrMissingKernelTableKeepsTheTrainerFromStarting) {
  std::string text = KernelTable().ToText();
  text[text.size() / 2] = '?';
  EXPECT_FALSE(Start({.kernel_table = Write(text)}).ok());
  EXPECT_FALSE(Start({.kernel_table = folder_.Join("nothing")}).ok());
}

TEST_F(TrainerOptionsTest, TunedKernelTableIsOneToTrainWith) {
  const std::string path = folder_.Join("tuned");
  const std::string log = folder_.Join("log");
  auto graft = base::ChildProcess::Start(
      {.arguments = {Program("graft"), "tune", path, "--rounds", "1"}, .log_path = log});
  ASSERT_TRUE(graft.ok()) << graft.status();
  const std::optional<std::string> end = graft->AwaitEnd(absl::Minutes(5));
  const std::string output = base::ReadFile(log).value_or("");
  if (output.find("nothing to tune") != std::string::npos) {
    GTEST_SKIP() << "all kernels of this processor are direct";
  }
  ASSERT_EQ(end, "exited with status 0") << output;
  EXPECT_THAT(output, AllOf(HasSubstr("measured 100 %"), HasSubstr("--kernel-table " + path)));
  const auto table = KernelTable::Parse(base::ReadFile(path).value_or(""));
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_THAT(table->ToText(), Not(KernelTable().ToText()));  // somewhere another one is faster
  const auto trainer = Start({.kernel_table = path});
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  EXPECT_THAT((*trainer)->numerics_class(), HasSubstr(table->Digest()));
  EXPECT_TRUE(Run(**trainer).has_result());
}

}  // namespace
}  // namespace graft::worker
