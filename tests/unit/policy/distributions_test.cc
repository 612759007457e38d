#include "services/controller/policy/distributions.h"

#include <cmath>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"

namespace graft::policy {
namespace {

float Sum(const std::vector<float>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0F);
}

TEST(CategoricalTest, ProbabilitiesSumToOneAfterMasking) {
  const std::vector<float> logits = {0.3F, -2.0F, 5.0F, 1.0F};
  for (int bits = 1; bits < 16; ++bits) {
    std::vector<bool> mask;
    for (int j = 0; j < 4; ++j) mask.push_back(bits >> j & 1);
    const Categorical distribution(logits, mask);
    EXPECT_NEAR(Sum(distribution.probabilities()), 1.0F, 1e-6F);
    for (int j = 0; j < 4; ++j) {
      EXPECT_EQ(distribution.Allows(j), mask[j]);
      EXPECT_EQ(distribution.probabilities()[j] > 0.0F, mask[j]);
    }
  }
}

TEST(CategoricalTest, MaskedChoicesGetExactlyZeroGradient) {
  const Categorical distribution(std::vector<float>{0.5F, 3.0F, -1.0F}, {true, false, true});
  std::vector<float> dz(3);
  distribution.AddGradient(2, 1.5F, 0.7F, dz);
  EXPECT_EQ(dz[1], 0.0F);
  EXPECT_NE(dz[0], 0.0F);
  EXPECT_NE(dz[2], 0.0F);
}

TEST(CategoricalTest, OneLegalChoiceIsCertainAndTeachesNothing) {
  const Categorical distribution(std::vector<float>{0.5F, 3.0F}, {true, false});
  EXPECT_EQ(distribution.LogProbability(0), 0.0F);
  EXPECT_EQ(distribution.Entropy(), 0.0F);
  std::vector<float> dz(2);
  distribution.AddGradient(0, 1.0F, 1.0F, dz);
  EXPECT_EQ(dz, std::vector<float>(2));
}

TEST(CategoricalTest, ExtremeLogitsGiveFiniteNumbers) {
  const Categorical distribution(std::vector<float>{1e4F, -1e4F, 0.0F}, {true, true, true});
  EXPECT_EQ(distribution.LogProbability(1), -2e4F);
  EXPECT_EQ(distribution.Entropy(), 0.0F);
  std::vector<float> dz(3);
  distribution.AddGradient(1, 1.0F, 1.0F, dz);
  for (const float d : dz) EXPECT_TRUE(std::isfinite(d));
}

TEST(CategoricalTest, SamplesFollowTheProbabilities) {
  const Categorical distribution(std::vector<float>{0.0F, 9.0F, std::log(3.0F)},
                                 {true, false, true});
  base::Rng rng(7);
  std::vector<int> counts(3);
  constexpr int kDraws = 10000;
  for (int i = 0; i < kDraws; ++i) ++counts[distribution.Sample(rng)];
  EXPECT_EQ(counts[1], 0);
  EXPECT_NEAR(counts[2], 0.75 * kDraws, 4 * std::sqrt(0.75 * 0.25 * kDraws));
}

TEST(BernoulliTest, ExtremeLogitsGiveFiniteNumbers) {
  for (const float z : {-1e4F, -200.0F, 200.0F, 1e4F}) {
    const Bernoulli bit(z);
    EXPECT_EQ(bit.Entropy(), 0.0F);
    for (const bool value : {false, true}) {
      EXPECT_TRUE(std::isfinite(bit.LogProbability(value)));
      EXPECT_TRUE(std::isfinite(bit.Gradient(value, 1.0F, 1.0F)));
    }
  }
}

TEST(BernoulliTest, EntropyIsLargestAtEvenOdds) {
  EXPECT_NEAR(Bernoulli(0.0F).Entropy(), std::log(2.0), 1e-6);
  EXPECT_EQ(Bernoulli(0.0F).Gradient(true, 0.0F, 1.0F), 0.0F);
  EXPECT_LT(Bernoulli(1.0F).Entropy(), std::log(2.0));
}

TEST(BernoulliTest, ProbabilitiesOfBothBitsSumToOne) {
  for (const float z : {-30.0F, -1.0F, 0.0F, 2.0F, 12.0F}) {
    const Bernoulli bit(z);
    EXPECT_NEAR(std::exp(bit.LogProbability(true)) + std::exp(bit.LogProbability(false)), 1.0,
                1e-6);
  }
}

}  // namespace
}  // namespace graft::policy
