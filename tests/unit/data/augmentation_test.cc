#include "common/data/augmentation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "common/base/rng.h"

namespace graft::data {
namespace {

const tensor::Shape kShape = {2, 5, 7};

std::vector<float> RandomImage(std::uint64_t seed = 1) {
  base::Rng rng(seed);
  std::vector<float> image(kShape.ElementCount());
  for (float& value : image) value = rng.Normal();
  return image;
}

std::vector<float> Apply(const Augmenter& augmenter, const Placement& placement,
                         const std::vector<float>& image) {
  // Left over from another image.
  std::vector<float> augmented(image.size(), 99.0F);
  augmenter.Apply(placement, image, augmented);
  return augmented;
}

TEST(AugmenterTest, PlacementsEqualTheIndependentDraws) {
  const Augmenter augmenter(kShape, {.flip = true, .pad_crop = 4}, /*seed=*/5);
  const Augmenter with_holes(kShape, {.flip = true, .pad_crop = 4, .cutout = 1}, /*seed=*/5);
  struct Golden {
    std::int64_t epoch;
    std::int64_t image;
    Placement placement;
    std::int64_t hole_row;
    std::int64_t hole_column;
  };
  // Printed by tests/golden/augmentation.py.
  const std::vector<Golden> goldens = {
      {1, 0, {.row = 1, .column = 2, .mirrored = false}, 2, 4},
      {1, 1, {.row = 4, .column = 3, .mirrored = false}, 4, 0},
      {1, 2, {.row = 0, .column = 1, .mirrored = false}, 3, 1},
      {2, 0, {.row = 1, .column = 8, .mirrored = true}, 1, 4},
      {2, 49999, {.row = 0, .column = 5, .mirrored = false}, 0, 6},
      {1000, 7, {.row = 6, .column = 5, .mirrored = false}, 2, 6},
  };
  for (const Golden& golden : goldens) {
    EXPECT_EQ(augmenter.PlacementOf(golden.epoch, golden.image), golden.placement)
        << "epoch " << golden.epoch << " image " << golden.image;
    Placement placement = golden.placement;
    placement.hole_row = golden.hole_row;
    placement.hole_column = golden.hole_column;
    EXPECT_EQ(with_holes.PlacementOf(golden.epoch, golden.image), placement);
  }
}

TEST(AugmenterTest, WithoutFlipAndPadCropNothingChanges) {
  const Augmenter augmenter(kShape, {}, 1);
  EXPECT_FALSE(augmenter.enabled());
  for (std::int64_t image = 0; image < 50; ++image) {
    const Placement placement = augmenter.PlacementOf(1, image);
    EXPECT_EQ(placement, Placement{});
    EXPECT_EQ(Apply(augmenter, placement, RandomImage()), RandomImage());
  }
}

TEST(AugmenterTest, FlipTwiceIsTheIdentity) {
  const Augmenter augmenter(kShape, {.flip = true}, 1);
  const std::vector<float> image = RandomImage();
  const std::vector<float> mirrored = Apply(augmenter, {.mirrored = true}, image);
  EXPECT_NE(mirrored, image);
  EXPECT_EQ(mirrored[0], image[6]);
  EXPECT_EQ(Apply(augmenter, {.mirrored = true}, mirrored), image);
}

TEST(AugmenterTest, CropInTheMiddleIsTheImage) {
  for (const std::int64_t pad : {1, 4, 16}) {
    const Augmenter augmenter(kShape, {.pad_crop = pad}, 1);
    EXPECT_EQ(Apply(augmenter, {.row = pad, .column = pad}, RandomImage()), RandomImage());
  }
}

// Every element against the formula of the header.
TEST(AugmenterTest, EveryPlacementFollowsTheFormula) {
  constexpr std::int64_t kPad = 8;  // wider than the image
  const Augmenter augmenter(kShape, {.flip = true, .pad_crop = kPad}, 1);
  const std::vector<float> image = RandomImage();
  const auto at = [&](std::int64_t c, std::int64_t y, std::int64_t x) {
    return y < 0 || y >= 5 || x < 0 || x >= 7 ? 0.0F : image[(c * 5 + y) * 7 + x];
  };
  for (std::int64_t row = 0; row <= 2 * kPad; ++row) {
    for (std::int64_t column = 0; column <= 2 * kPad; ++column) {
      for (const bool mirrored : {false, true}) {
        const std::vector<float> augmented =
            Apply(augmenter, {.row = row, .column = column, .mirrored = mirrored}, image);
        for (std::int64_t i = 0; i < kShape.ElementCount(); ++i) {
          const std::int64_t x = mirrored ? 6 - i % 7 : i % 7;
          ASSERT_EQ(augmented[i], at(i / 35, i / 7 % 5 + row - kPad, x + column - kPad))
              << row << " " << column << " " << mirrored << " " << i;
        }
      }
    }
  }
}

// Also holes as large as the image, and larger.
TEST(AugmenterTest, CutoutClearsItsSquareAndNothingElse) {
  const std::vector<float> image = RandomImage();
  for (const std::int64_t side : {1, 2, 3, 7, 50}) {
    const Augmenter augmenter(kShape, {.cutout = side}, 1);
    EXPECT_TRUE(augmenter.enabled());
    for (std::int64_t row = 0; row < 5; ++row) {
      for (std::int64_t column = 0; column < 7; ++column) {
        const std::vector<float> augmented =
            Apply(augmenter, {.hole_row = row, .hole_column = column}, image);
        for (std::int64_t i = 0; i < kShape.ElementCount(); ++i) {
          const std::int64_t below = i / 7 % 5 - (row - side / 2);
          const std::int64_t beside = i % 7 - (column - side / 2);
          const bool cleared = below >= 0 && below < side && beside >= 0 && beside < side;
          ASSERT_EQ(augmented[i], cleared ? 0.0F : image[i]) << side << " " << row << " " << column;
        }
      }
    }
  }
}

TEST(AugmenterTest, HolesHaveTheirMiddleEverywhereEvenly) {
  constexpr int kDraws = 35'000;
  const Augmenter augmenter(kShape, {.cutout = 3}, 3);
  std::map<std::pair<std::int64_t, std::int64_t>, int> places;
  for (std::int64_t image = 0; image < kDraws; ++image) {
    const Placement placement = augmenter.PlacementOf(1, image);
    ++places[{placement.hole_row, placement.hole_column}];
  }
  ASSERT_EQ(places.size(), 35U);
  // A thousand each; six standard deviations are 188.
  for (const auto& [place, count] : places) {
    EXPECT_LT(place.first, 5);
    EXPECT_LT(place.second, 7);
    EXPECT_NEAR(count, 1000, 188) << place.first << " " << place.second;
  }
}

TEST(AugmenterTest, OffsetsCoverEveryPositionEvenly) {
  constexpr std::int64_t kPad = 2;
  constexpr int kDraws = 25'000;
  const Augmenter augmenter(kShape, {.flip = true, .pad_crop = kPad}, 3);
  std::map<std::pair<std::int64_t, std::int64_t>, int> places;
  int mirrored = 0;
  for (std::int64_t image = 0; image < kDraws; ++image) {
    const Placement placement = augmenter.PlacementOf(1 + image % 5, image);
    ++places[{placement.row, placement.column}];
    mirrored += placement.mirrored ? 1 : 0;
  }
  ASSERT_EQ(places.size(), 25U);
  // A thousand each; six standard deviations are 186.
  for (const auto& [place, count] : places) {
    EXPECT_GE(std::min(place.first, place.second), 0);
    EXPECT_LE(std::max(place.first, place.second), 2 * kPad);
    EXPECT_NEAR(count, kDraws / 25, 186) << place.first << " " << place.second;
  }
  EXPECT_NEAR(mirrored, kDraws / 2, 474);
}

TEST(AugmenterTest, PlacementDependsOnSeedEpochAndImage) {
  const AugmentationOptions options{.flip = true, .pad_crop = 16};
  const auto placements = [&](std::uint64_t seed, std::int64_t epoch, std::int64_t first) {
    std::vector<Placement> drawn;
    const Augmenter augmenter(kShape, options, seed);
    for (std::int64_t i = 0; i < 8; ++i) drawn.push_back(augmenter.PlacementOf(epoch, first + i));
    return drawn;
  };
  EXPECT_TRUE(placements(1, 1, 0) == placements(1, 1, 0));
  EXPECT_FALSE(placements(1, 1, 0) == placements(2, 1, 0));
  EXPECT_FALSE(placements(1, 1, 0) == placements(1, 2, 0));
  EXPECT_FALSE(placements(1, 1, 0) == placements(1, 1, 8));
}

}  // namespace
}  // namespace graft::data
