#include "common/data/mixing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numbers>
#include <numeric>
#include <vector>

#include "common/base/rng.h"
#include "common/data/beta.h"

namespace graft::data {
namespace {

const tensor::Shape kShape = {2, 5, 7};
constexpr std::int64_t kClasses = 3;

Mixer MakeMixer(const MixingOptions& options, std::uint64_t seed = 5, double smoothing = 0) {
  return Mixer(kShape, options, {.class_count = kClasses, .label_smoothing = smoothing}, seed);
}

std::vector<float> RandomImages(std::int64_t count) {
  base::Rng rng(1);
  std::vector<float> images(count * kShape.ElementCount());
  for (float& value : images) value = rng.Normal();
  return images;
}

TEST(BetaTest, EqualsTheIndependentSamples) {
  struct Golden {
    double alpha;
    double first;
    double second;
  };
  // Printed by tests/golden/augmentation.py, which uses the platform's powers.
  const std::vector<Golden> goldens = {
      {0.01, 6.953584802201273e-115, 0.9999999999977036},
      {0.2, 1.959339017079089e-06, 0.7924871932501283},
      {0.4, 0.001397808682003705, 0.6615012882240487},
      {0.999, 0.5666668965204666, 0.7756015356668684},
      {1, 0.7298217733742813, 0.5677118694984266},
      {1.5, 0.6874165710632086, 0.5486084147481901},
      {8, 0.5786395440871028, 0.5179855083594576},
      {1000, 0.5069671825267044, 0.5015611448302131},
  };
  for (const Golden& golden : goldens) {
    base::Rng rng(5);
    EXPECT_NEAR(SampleBeta(rng, golden.alpha), golden.first, 1e-14) << golden.alpha;
    EXPECT_NEAR(SampleBeta(rng, golden.alpha), golden.second, 1e-14) << golden.alpha;
  }
}

// Kolmogorov and Smirnov's distance from distributions in closed form.
TEST(BetaTest, SamplesHaveTheirDistribution) {
  struct Law {
    double alpha;
    std::function<double(double)> cdf;
  };
  const std::vector<Law> laws = {
      {0.5, [](double x) { return 2 / std::numbers::pi * std::asin(std::sqrt(x)); }},
      {1, [](double x) { return x; }},
      {1.5,
       [](double x) {
         const double z = 2 * x - 1;
         return 0.5 + (z * std::sqrt(1 - z * z) + std::asin(z)) / std::numbers::pi;
       }},
      {2, [](double x) { return x * x * (3 - 2 * x); }},
  };
  constexpr int kDraws = 20'000;
  for (const Law& law : laws) {
    base::Rng rng(7);
    std::vector<double> samples(kDraws);
    for (double& sample : samples) sample = SampleBeta(rng, law.alpha);
    std::ranges::sort(samples);
    double distance = 0;
    for (int i = 0; i < kDraws; ++i) {
      distance = std::max(distance, std::abs(law.cdf(samples[i]) - (i + 0.5) / kDraws));
    }
    // Exceeded by one of 10^5 sets.
    EXPECT_LT(distance, std::sqrt(std::log(2e5) / 2 / kDraws)) << law.alpha;
  }
}

TEST(BetaTest, AnyAlphaGivesANumberFromZeroToOneWithItsVariance) {
  for (const double alpha : {5e-324, 1e-300, 1e-9, 0.001, 0.1, 0.7, 1.0, 3.0, 100.0, 1000.0}) {
    base::Rng rng(3);
    double sum = 0;
    double squares = 0;
    constexpr int kDraws = 4'000;
    for (int i = 0; i < kDraws; ++i) {
      const double sample = SampleBeta(rng, alpha);
      ASSERT_GE(sample, 0) << alpha;
      ASSERT_LE(sample, 1) << alpha;
      sum += sample - 0.5;
      squares += (sample - 0.5) * (sample - 0.5);
    }
    const double variance = 1 / (4 * (2 * alpha + 1));
    EXPECT_NEAR(sum / kDraws, 0, 6 * std::sqrt(variance / kDraws)) << alpha;
    EXPECT_NEAR(squares / kDraws, variance, 0.15 * variance) << alpha;
  }
}

TEST(MixerTest, MixesEqualTheIndependentDraws) {
  const Mixer mixer = MakeMixer({.mixup_alpha = 0.4, .cutmix_alpha = 1});
  struct Golden {
    std::int64_t epoch;
    std::int64_t batch;
    Mix mix;
  };
  // Printed by tests/golden/augmentation.py.
  const std::vector<Golden> goldens = {
      {1, 0, {0.8544153271302551, {2, 1, 3, 0}, false, 0, 0, 0, 0}},
      {1, 1, {1.0, {2, 1, 0, 3}, true, 1, 1, 0, 2}},
      {1, 2, {0.8459921769122525, {0, 2, 1, 3}, false, 0, 0, 0, 0}},
      {2, 0, {0.7714285714285715, {1, 2, 0, 3}, true, 3, 5, 2, 6}},
      {2, 49999, {0.11897816392311923, {0, 3, 1, 2}, false, 0, 0, 0, 0}},
      {1000, 7, {0.9994747827850927, {0, 1, 2, 3}, false, 0, 0, 0, 0}},
  };
  for (const Golden& golden : goldens) {
    Mix mix = mixer.MixOf(golden.epoch, golden.batch, 4);
    EXPECT_NEAR(mix.weight, golden.mix.weight, 1e-14);
    mix.weight = golden.mix.weight;
    EXPECT_TRUE(mix == golden.mix) << "epoch " << golden.epoch << " batch " << golden.batch;
  }
}

TEST(MixerTest, OneOfTheTwoIsDrawnForEachBatch) {
  const auto cut = [](const MixingOptions& options) {
    const Mixer mixer = MakeMixer(options);
    EXPECT_TRUE(mixer.enabled());
    int count = 0;
    for (std::int64_t batch = 0; batch < 1000; ++batch) count += mixer.MixOf(1, batch, 2).cut;
    return count;
  };
  EXPECT_EQ(cut({.mixup_alpha = 1}), 0);
  EXPECT_EQ(cut({.cutmix_alpha = 1}), 1000);
  EXPECT_NEAR(cut({.mixup_alpha = 1, .cutmix_alpha = 1}), 500, 95);  // six standard deviations
  EXPECT_FALSE(MakeMixer({}).enabled());
}

// Every element against the formulas of the header.
TEST(MixerTest, ImagesAndTargetsFollowTheFormulas) {
  constexpr std::int64_t kCount = 6;
  constexpr double kSmoothing = 0.2;
  const Mixer mixer = MakeMixer({.mixup_alpha = 1, .cutmix_alpha = 1}, 5, kSmoothing);
  const std::vector<float> images = RandomImages(kCount);
  const std::vector<std::int32_t> labels = {0, 1, 2, 2, 1, 0};
  const std::int64_t size = kShape.ElementCount();
  for (std::int64_t batch = 0; batch < 100; ++batch) {
    const Mix mix = mixer.MixOf(3, batch, kCount);
    std::vector<float> mixed(images.size(), 99.0F);
    mixer.MixImages(mix, images, mixed);
    std::int64_t foreign = 0;
    for (std::int64_t i = 0; i < kCount * size; ++i) {
      const std::int64_t y = i / 7 % 5;
      const std::int64_t x = i % 7;
      const float own = images[i];
      const float partner = images[mix.partners[i / size] * size + i % size];
      if (!mix.cut) {
        ASSERT_NEAR(mixed[i], mix.weight * own + (1 - mix.weight) * partner, 1e-6);
      } else {
        const bool inside = y >= mix.top && y < mix.bottom && x >= mix.left && x < mix.right;
        ASSERT_EQ(mixed[i], inside ? partner : own);
        foreign += inside ? 1 : 0;
      }
    }
    if (mix.cut) {
      EXPECT_DOUBLE_EQ(1 - mix.weight, static_cast<double>(foreign) / (kCount * size));
    }
    std::vector<float> targets(kCount * kClasses, 99.0F);
    mixer.MixTargets(mix, labels, targets);
    for (std::int64_t i = 0; i < kCount; ++i) {
      for (std::int64_t k = 0; k < kClasses; ++k) {
        const double one_hot =
            (labels[i] == k ? mix.weight : 0) + (labels[mix.partners[i]] == k ? 1 - mix.weight : 0);
        EXPECT_NEAR(targets[i * kClasses + k], (1 - kSmoothing) * one_hot + kSmoothing / kClasses,
                    1e-6);
      }
    }
  }
}

TEST(MixerTest, PartnersAreAPermutationAlsoOfASingleImage) {
  const Mixer mixer = MakeMixer({.mixup_alpha = 0.2, .cutmix_alpha = 1});
  for (std::int64_t count = 1; count < 20; ++count) {
    std::vector<std::int64_t> partners = mixer.MixOf(1, count, count).partners;
    std::ranges::sort(partners);
    std::vector<std::int64_t> expected(count);
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(partners, expected);
  }
}

TEST(MixerTest, MixDependsOnSeedEpochAndBatch) {
  const auto mix = [](std::uint64_t seed, std::int64_t epoch, std::int64_t batch) {
    return MakeMixer({.mixup_alpha = 1}, seed).MixOf(epoch, batch, 16);
  };
  EXPECT_TRUE(mix(1, 1, 1) == mix(1, 1, 1));
  EXPECT_FALSE(mix(1, 1, 1) == mix(2, 1, 1));
  EXPECT_FALSE(mix(1, 1, 1) == mix(1, 2, 1));
  EXPECT_FALSE(mix(1, 1, 1) == mix(1, 1, 2));
}

}  // namespace
}  // namespace graft::data
