#include "common/engine/optimizer.h"

#include <gtest/gtest.h>

#include <vector>

#include "common/engine/schedule.h"

namespace graft::engine {
namespace {

TEST(SgdTest, NesterovWithL2FollowsTheEquations) {
  Sgd sgd({.momentum = 0.9F, .nesterov = true, .l2 = 0.1F}, 1);
  std::vector<float> parameter = {2.0F};
  const std::vector<float> gradient = {1.0F};
  sgd.Step(0.5F, gradient, parameter);
  // g = 1 + 0.1 * 2 = 1.2; v = 1.2; p = 2 - 0.5 (1.2 + 0.9 * 1.2)
  EXPECT_FLOAT_EQ(parameter[0], 0.86F);
  sgd.Step(0.5F, gradient, parameter);
  // g = 1.086; v = 0.9 * 1.2 + 1.086 = 2.166; p = 0.86 - 0.5 (1.086 + 0.9 * 2.166)
  EXPECT_FLOAT_EQ(parameter[0], -0.6577F);
  EXPECT_FLOAT_EQ(sgd.velocity()[0], 2.166F);
}

TEST(SgdTest, ClassicalMomentumMovesByTheVelocity) {
  Sgd sgd({.momentum = 0.5F, .nesterov = false, .l2 = 0}, 1);
  std::vector<float> parameter = {0.0F};
  sgd.Step(1.0F, std::vector<float>{1.0F}, parameter);
  sgd.Step(1.0F, std::vector<float>{1.0F}, parameter);
  EXPECT_FLOAT_EQ(parameter[0], -2.5F);
}

TEST(SgdTest, PaddingStaysZeroAndTheRestIsNotTouched) {
  Sgd sgd({}, 2);
  std::vector<float> parameters = {1.0F, 0.0F, 7.0F};
  sgd.Step(0.1F, std::vector<float>{1.0F, 0.0F, 1.0F}, parameters);
  EXPECT_EQ(parameters[1], 0.0F);
  EXPECT_EQ(parameters[2], 7.0F);
}

TEST(ScheduleTest, CosineStartsAtTheRateAndFallsEachEpoch) {
  const Schedule schedule{.kind = Schedule::Kind::kCosine, .rate = 0.02F, .epochs = 4};
  EXPECT_FLOAT_EQ(LearningRate(schedule, 1), 0.02F);
  EXPECT_FLOAT_EQ(LearningRate(schedule, 2), 0.017071068F);  // 0.01 (1 + cos(pi / 4))
  EXPECT_FLOAT_EQ(LearningRate(schedule, 3), 0.01F);
  EXPECT_FLOAT_EQ(LearningRate(schedule, 4), 0.0029289322F);
}

TEST(ScheduleTest, ConstantStays) {
  const Schedule schedule{.kind = Schedule::Kind::kConstant, .rate = 0.3F, .epochs = 4};
  EXPECT_EQ(LearningRate(schedule, 1), 0.3F);
  EXPECT_EQ(LearningRate(schedule, 4), 0.3F);
}

}  // namespace
}  // namespace graft::engine
