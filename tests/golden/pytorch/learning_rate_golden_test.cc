// Learning rates against PyTorch's, see schedule_golden.py.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/engine/learning_rate.h"
#include "tests/golden/pytorch/golden_file.h"

namespace graft::engine {
namespace {

constexpr double kPeak = 0.2;
constexpr int kEpochs = 6;
constexpr int kStepsPerEpoch = 5;

struct Case {
  std::string name;
  recipe::Schedule schedule;
};

class LearningRateGoldenTest : public ::testing::TestWithParam<Case> {};

TEST_P(LearningRateGoldenTest, EachStepHasPyTorchsRate) {
  const auto golden = ReadGolden("schedules");
  const std::vector<float>& expected = golden.at(GetParam().name);
  const std::vector<float>& losses = golden.at("losses");
  ASSERT_EQ(expected.size(), std::size_t{kEpochs * kStepsPerEpoch});
  LearningRate rate(GetParam().schedule, kPeak, kEpochs, kStepsPerEpoch);
  for (int step = 0; step < kEpochs * kStepsPerEpoch; ++step) {
    EXPECT_NEAR(rate.At(step), expected[step], 1e-6 * kPeak) << "step " << step;
    if ((step + 1) % kStepsPerEpoch == 0) rate.EndEpoch(losses[step / kStepsPerEpoch]);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Schedules, LearningRateGoldenTest,
    ::testing::Values(
        Case{"cosine_epoch", {.shape = recipe::CosineSchedule{}}},
        Case{"cosine_step",
             {.shape = recipe::CosineSchedule{.final_fraction = 0.1, .each_step = true}}},
        Case{"step", {.shape = recipe::StepSchedule{.milestones = {0.5, 2.0 / 3}, .factor = 0.1}}},
        Case{"triangular",
             {.shape = recipe::TriangularSchedule{.cycles = 3, .final_fraction = 0.25}}},
        Case{"plateau",
             {.shape = recipe::PlateauSchedule{.factor = 0.5, .patience = 1, .threshold = 1e-4}}},
        Case{"warmup", {.shape = recipe::ConstantSchedule{}, .warmup_epochs = 2}}),
    [](const auto& test) { return test.param.name; });

TEST(LearningRateTest, ScheduleHasWhatTheWarmupLeaves) {
  const LearningRate rate({.shape = recipe::CosineSchedule{.each_step = true}, .warmup_epochs = 2},
                          kPeak, kEpochs, kStepsPerEpoch);
  EXPECT_FLOAT_EQ(rate.At(9), 0.2F) << "the end of the warm-up";
  EXPECT_FLOAT_EQ(rate.At(20), 0.1F) << "half of the other four epochs";
}

TEST(LearningRateTest, WarmupLongerThanTheTrainingIsAllThereIs) {
  const LearningRate rate({.warmup_epochs = 12}, kPeak, kEpochs, kStepsPerEpoch);
  EXPECT_FLOAT_EQ(rate.At(29), 0.1F);
}

}  // namespace
}  // namespace graft::engine
