#include "common/data/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace graft::data {
namespace {

using ::testing::HasSubstr;
using ::testing::IsSubsetOf;

TEST(SplitTest, SetsAreDisjointAndOfTheSizesAskedFor) {
  const SplitIndices split =
      SplitTrainingImages(100, {.train_images = 60, .validation_images = 20, .seed = 7}).value();
  EXPECT_EQ(split.train.size(), 60U);
  EXPECT_EQ(split.validation.size(), 20U);
  std::set<std::int64_t> all(split.train.begin(), split.train.end());
  all.insert(split.validation.begin(), split.validation.end());
  EXPECT_EQ(all.size(), 80U);
  EXPECT_GE(*all.begin(), 0);
  EXPECT_LT(*all.rbegin(), 100);
}

TEST(SplitTest, FewerTrainingImagesKeepTheValidationSet) {
  const SplitIndices large =
      SplitTrainingImages(100, {.train_images = 60, .validation_images = 20, .seed = 7}).value();
  const SplitIndices small =
      SplitTrainingImages(100, {.train_images = 10, .validation_images = 20, .seed = 7}).value();
  EXPECT_EQ(small.validation, large.validation);
  EXPECT_TRUE(std::equal(small.train.begin(), small.train.end(), large.train.begin()));
}

TEST(SplitTest, DependsOnTheSeedAlone) {
  const SplitOptions options{.seed = 7};
  EXPECT_EQ(SplitTrainingImages(1000, options)->validation,
            SplitTrainingImages(1000, options)->validation);
  EXPECT_NE(SplitTrainingImages(1000, options)->validation,
            SplitTrainingImages(1000, {.seed = 8})->validation);
}

TEST(SplitTest, DefaultsToATenthForValidationAndTheRestForTraining) {
  const SplitIndices split = SplitTrainingImages(105, {}).value();
  EXPECT_EQ(split.validation.size(), 10U);
  EXPECT_EQ(split.train.size(), 95U);
}

TEST(SplitTest, MoreImagesThanThereAreIsAFieldError) {
  EXPECT_EQ(
      SplitTrainingImages(100, {.train_images = 81, .validation_images = 20}).status().message(),
      "train_images: is 81, expected 1 to 80 of the 100 training images of the data set, of which "
      "20 validate");
  EXPECT_THAT(std::string(SplitTrainingImages(100, {.validation_images = 100}).status().message()),
              HasSubstr("validation_images: is 100, expected 1 to 99"));
}

}  // namespace
}  // namespace graft::data
