#include "common/tensor/shape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "absl/hash/hash_testing.h"

namespace graft::tensor {
namespace {

using testing::ElementsAre;

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

TEST(ShapeTest, CountsElements) {
  EXPECT_EQ(Shape({4, 3, 3, 3}).ElementCount(), 108);
  EXPECT_EQ(Shape().ElementCount(), 1);
  EXPECT_EQ(Shape({5, 0, 2}).ElementCount(), 0);
  EXPECT_EQ(Shape({4, 3}).rank(), 2);
  EXPECT_EQ(Shape({4, 3}).dim(1), 3);
  EXPECT_THAT(Shape({4, 3}).dims(), ElementsAre(4, 3));
}

TEST(ShapeTest, PrintsLikeAList) {
  EXPECT_EQ(Shape({4, 3, 3, 3}).ToString(), "[4,3,3,3]");
  EXPECT_EQ(Shape().ToString(), "[]");
}

TEST(ShapeTest, RankTakesPartInComparisonAndHash) {
  EXPECT_NE(Shape({4}), Shape({4, 1}));
  EXPECT_NE(Shape({0}), Shape({0, 0}));
  EXPECT_EQ(Shape({2, 3}), *Shape::Create(std::vector<int64_t>{2, 3}));
  EXPECT_TRUE(absl::VerifyTypeImplementsAbslHashCorrectly({Shape(), Shape({0}), Shape({0, 0})}));
}

TEST(ShapeTest, RefusesWhatCannotBeAllocated) {
  const std::vector<std::vector<int64_t>> bad = {
      {-1},
      {1, 1, 1, 1, 1, 1, 1, 1, 1},
      {kMax},
      {int64_t{1} << 32, int64_t{1} << 32},
      {int64_t{1} << 60},
      // Hidden behind a zero.
      {0, int64_t{1} << 40, int64_t{1} << 40},
      {int64_t{1} << 40, int64_t{1} << 40, 0},
  };
  for (const std::vector<int64_t>& dimensions : bad) {
    EXPECT_TRUE(absl::IsInvalidArgument(Shape::Create(dimensions).status()))
        << testing::PrintToString(dimensions);
  }
  EXPECT_TRUE(Shape::Create(std::vector<int64_t>{int64_t{1} << 58}).ok());
}

TEST(ShapeDeathTest, LiteralShapesMustBeValid) {
  EXPECT_DEATH(Shape({-1}), "negative dimension");
  EXPECT_DEATH(Shape({2}).dim(1), "axis 1 of");
}

}  // namespace
}  // namespace graft::tensor
