#include "common/data/rand_augment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "common/base/rng.h"

namespace graft::data {
namespace {

// Below the repository's root, where tests run. Written by tests/golden/rand_augment.py.
constexpr char kGoldenFile[] = "tests/golden/rand_augment.txt";

std::vector<std::uint8_t> FromHex(const std::string& hex) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

ImageOperation OperationNamed(const std::string& name) {
  for (int i = 0; i < kImageOperationCount; ++i) {
    if (NameOf(static_cast<ImageOperation>(i)) == name) return static_cast<ImageOperation>(i);
  }
  ADD_FAILURE() << name;
  return ImageOperation::kIdentity;
}

struct Image {
  tensor::Shape shape;
  std::vector<std::uint8_t> pixels;
};

Image RandomImage(const tensor::Shape& shape, std::uint64_t seed) {
  base::Rng rng(seed);
  Image image{.shape = shape};
  for (std::int64_t i = 0; i < shape.ElementCount(); ++i) {
    image.pixels.push_back(static_cast<std::uint8_t>(rng.NextU32()));
  }
  return image;
}

std::vector<std::uint8_t> Apply(const Image& image, const AugmentationStep& step,
                                std::int64_t magnitude) {
  std::vector<std::uint8_t> result(image.pixels.size(), 99);
  RandAugment(image.shape, {.operations = 1, .magnitude = magnitude}, 1)
      .Apply(step, image.pixels, result);
  return result;
}

TEST(RandAugmentTest, EveryOperationGivesPillowsBytes) {
  std::ifstream file(kGoldenFile);
  ASSERT_TRUE(file.is_open());
  Image image;
  std::string name;
  int count = 0;
  std::string word;
  while (file >> word) {
    std::string hex;
    if (word == "image") {
      std::int64_t channels = 0;
      std::int64_t height = 0;
      std::int64_t width = 0;
      char comma = 0;
      file >> name >> channels >> comma >> height >> comma >> width >> hex;
      image = {.shape = {channels, height, width}, .pixels = FromHex(hex)};
      continue;
    }
    std::int64_t magnitude = 0;
    int sign = 0;
    file >> magnitude >> sign >> hex;
    const AugmentationStep step{.operation = OperationNamed(word), .negative = sign < 0};
    EXPECT_EQ(Apply(image, step, magnitude), FromHex(hex))
        << name << " " << word << " " << magnitude << " " << sign;
    ++count;
  }
  EXPECT_EQ(count, 332);
}

TEST(RandAugmentTest, StepsEqualTheIndependentDraws) {
  const RandAugment augment({1, 5, 7}, {.operations = 2}, /*seed=*/5);
  struct Golden {
    std::int64_t epoch;
    std::int64_t image;
    std::vector<std::pair<int, bool>> steps;
  };
  // Printed by tests/golden/augmentation.py.
  const std::vector<Golden> goldens = {
      {1, 0, {{10, false}, {3, true}}},     {1, 1, {{2, false}, {10, false}}},
      {1, 2, {{11, true}, {13, true}}},     {2, 0, {{3, true}, {9, true}}},
      {2, 49999, {{10, true}, {0, false}}}, {1000, 7, {{7, false}, {2, false}}},
  };
  for (const Golden& golden : goldens) {
    const std::vector<AugmentationStep> steps = augment.StepsOf(golden.epoch, golden.image);
    ASSERT_EQ(steps.size(), 2U);
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(static_cast<int>(steps[i].operation), golden.steps[i].first);
      EXPECT_EQ(steps[i].negative, golden.steps[i].second);
    }
  }
}

TEST(RandAugmentTest, EveryOperationIsDrawnEquallyOften) {
  constexpr int kDraws = 14'000;
  const RandAugment augment({1, 5, 7}, {.operations = 1}, 3);
  std::vector<int> counts(kImageOperationCount);
  int negative = 0;
  for (std::int64_t image = 0; image < kDraws; ++image) {
    const AugmentationStep step = augment.StepsOf(1, image)[0];
    ++counts[static_cast<std::size_t>(step.operation)];
    negative += step.negative ? 1 : 0;
  }
  // Six standard deviations.
  for (const int count : counts) EXPECT_NEAR(count, 1000, 183);
  EXPECT_NEAR(negative, kDraws / 2, 355);
}

// Of any size and number of channels, also without an inside.
TEST(RandAugmentTest, StepsAreAppliedInTheirOrder) {
  for (const tensor::Shape& shape : std::vector<tensor::Shape>{
           {3, 9, 8}, {1, 1, 1}, {3, 1, 5}, {2, 4, 2}, {1, 28, 28}, {3, 2, 40}}) {
    for (std::int64_t magnitude : {0, 7, 30}) {
      const RandAugment augment(shape, {.operations = 8, .magnitude = magnitude}, 9);
      for (std::int64_t i = 0; i < 20; ++i) {
        const Image image = RandomImage(shape, i);
        const std::vector<AugmentationStep> steps = augment.StepsOf(1, i);
        ASSERT_EQ(steps.size(), 8U);
        Image expected = image;
        for (const AugmentationStep& step : steps) {
          expected.pixels = Apply(expected, step, magnitude);
        }
        std::vector<std::uint8_t> pixels = image.pixels;
        std::vector<std::uint8_t> scratch(pixels.size());
        augment.Apply(steps, pixels, scratch);
        EXPECT_EQ(pixels, expected.pixels) << shape << " image " << i;
      }
    }
  }
}

TEST(RandAugmentTest, GreyImagesHaveNoColourToChange) {
  const Image image = RandomImage({1, 6, 6}, 4);
  EXPECT_EQ(Apply(image, {.operation = ImageOperation::kColor}, 30), image.pixels);
}

TEST(RandAugmentTest, OppositeTranslationsRestoreWhatStayedInside) {
  const Image image = RandomImage({3, 20, 20}, 4);
  constexpr std::int64_t kPixels = 4;  // floor(150 / 331 * 20 * 15 / 30)
  Image moved = image;
  moved.pixels = Apply(image, {.operation = ImageOperation::kTranslateX}, 15);
  const std::vector<std::uint8_t> back =
      Apply(moved, {.operation = ImageOperation::kTranslateX, .negative = true}, 15);
  for (std::size_t i = 0; i < back.size(); ++i) {
    EXPECT_EQ(back[i], i % 20 < 20 - kPixels ? image.pixels[i] : 0) << i;
  }
}

TEST(RandAugmentTest, StepsDependOnSeedEpochAndImage) {
  const auto steps = [](std::uint64_t seed, std::int64_t epoch, std::int64_t image) {
    return RandAugment({1, 2, 2}, {.operations = 8}, seed).StepsOf(epoch, image);
  };
  EXPECT_TRUE(steps(1, 1, 1) == steps(1, 1, 1));
  EXPECT_FALSE(steps(1, 1, 1) == steps(2, 1, 1));
  EXPECT_FALSE(steps(1, 1, 1) == steps(1, 2, 1));
  EXPECT_FALSE(steps(1, 1, 1) == steps(1, 1, 2));
}

}  // namespace
}  // namespace graft::data
