#include "common/tensor/dtype.h"

#include <gtest/gtest.h>

namespace graft::tensor {
namespace {

TEST(DTypeTest, NamesRoundTripAndSizesAreRight) {
  const std::pair<DType, size_t> dtypes[] = {{DType::kFloat32, 4},
                                             {DType::kBFloat16, 2},
                                             {DType::kUint8, 1},
                                             {DType::kInt32, 4},
                                             {DType::kInt64, 8}};
  for (const auto& [dtype, size] : dtypes) {
    EXPECT_EQ(SizeBytes(dtype), size);
    EXPECT_EQ(*ParseDType(Name(dtype)), dtype);
  }
}

TEST(DTypeTest, UnknownNameIsInvalid) {
  EXPECT_TRUE(absl::IsInvalidArgument(ParseDType("float64").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ParseDType("").status()));
}

TEST(DTypeTest, NumbersAreThoseOfTheManifest) {
  EXPECT_EQ(DTypeFromNumber(4), DType::kInt32);
  EXPECT_EQ(DTypeFromNumber(0), std::nullopt);
  EXPECT_EQ(DTypeFromNumber(6), std::nullopt);
  EXPECT_EQ(static_cast<int>(DType::kFloat32), 1);
  EXPECT_EQ(static_cast<int>(DType::kBFloat16), 2);
  EXPECT_EQ(static_cast<int>(DType::kUint8), 3);
  EXPECT_EQ(static_cast<int>(DType::kInt32), 4);
  EXPECT_EQ(static_cast<int>(DType::kInt64), 5);
}

}  // namespace
}  // namespace graft::tensor
