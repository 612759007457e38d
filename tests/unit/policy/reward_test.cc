#include "services/controller/policy/reward.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"

namespace graft::policy {
namespace {

// Values of the paper's transformation, to the digits in which they are known.
TEST(RewardTest, EqualsPublishedValues) {
  EXPECT_NEAR(Reward(0.6, 0.995), 1.38, 0.005);
  EXPECT_NEAR(Reward(0.8, 0.995), 3.08, 0.005);
  EXPECT_NEAR(Reward(0.9, 0.995), 6.31, 0.005);
  EXPECT_NEAR(Reward(0.95, 0.995), 12.7, 0.05);
  EXPECT_NEAR(Reward(0.99, 0.995), 63.7, 0.05);
}

TEST(RewardTest, IsFiniteAtFullAccuracy) {
  EXPECT_EQ(Reward(1.0, 0.995), Reward(0.995, 0.995));
  EXPECT_NEAR(Reward(1.0, 0.995), std::tan(M_PI / 2 * 0.995), 1e-9);
}

TEST(RewardTest, IsClampedBelowAtZero) { EXPECT_EQ(Reward(-3.0, 0.995), 0.0); }

TEST(RewardBaselineTest, SlowAverageStartsAtTheStartNetworkAndMovesAfterUse) {
  RewardBaseline baseline(Baseline::kSlowAverage);
  baseline.Start(2.0);
  EXPECT_EQ(baseline.Next(std::vector<double>{3.0, 5.0}), 2.0);
  EXPECT_DOUBLE_EQ(baseline.value(), 0.95 * 2.0 + 0.05 * 4.0);
  EXPECT_DOUBLE_EQ(baseline.Next(std::vector<double>{4.0}), 2.1);
}

TEST(RewardBaselineTest, PublishedOneStartsAtZeroAndMovesBeforeUse) {
  RewardBaseline baseline(Baseline::kPublished);
  baseline.Start(2.0);
  EXPECT_DOUBLE_EQ(baseline.Next(std::vector<double>{3.0, 5.0}), 0.95 * 4.0);
  EXPECT_DOUBLE_EQ(baseline.Next(std::vector<double>{2.0}), 3.8 + 0.95 * (2.0 - 3.8));
}

}  // namespace
}  // namespace graft::policy
