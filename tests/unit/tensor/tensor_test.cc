#include "common/tensor/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <new>
#include <utility>
#include <vector>

namespace graft::tensor {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(TensorTest, ZerosAreZeroAndAligned) {
  for (const DType dtype : {DType::kFloat32, DType::kUint8, DType::kInt64}) {
    const Tensor tensor = Tensor::Zeros(dtype, {3, 7});
    EXPECT_EQ(tensor.size_bytes(), 21 * SizeBytes(dtype));
    EXPECT_THAT(tensor.bytes(), Each('\0'));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.bytes().data()) % Tensor::kAlignmentBytes, 0);
  }
}

TEST(TensorTest, HoldsTheFloatsItWasMadeFrom) {
  const Tensor tensor = Tensor::FromFloats({2, 2}, std::vector<float>{1, 2, 3, 4});
  EXPECT_EQ(tensor.dtype(), DType::kFloat32);
  EXPECT_EQ(tensor.shape(), Shape({2, 2}));
  EXPECT_THAT(tensor.floats(), ElementsAre(1, 2, 3, 4));
}

TEST(TensorTest, CopyIsDeep) {
  const Tensor original = Tensor::FromFloats({2}, std::vector<float>{1, 2});
  Tensor copy = original;
  copy.mutable_floats()[0] = 9;
  EXPECT_THAT(original.floats(), ElementsAre(1, 2));
  EXPECT_THAT(copy.floats(), ElementsAre(9, 2));
  copy = original;
  EXPECT_EQ(copy, original);
  copy = *&copy;
  EXPECT_EQ(copy, original);
}

TEST(TensorTest, MoveKeepsTheMemoryAndLeavesAnEmptyTensor) {
  Tensor tensor = Tensor::FromFloats({2}, std::vector<float>{1, 2});
  const char* const memory = tensor.bytes().data();
  Tensor moved = std::move(tensor);
  EXPECT_EQ(moved.bytes().data(), memory);
  EXPECT_EQ(tensor, Tensor());
  EXPECT_THAT(tensor.floats(), IsEmpty());
}

TEST(TensorTest, EmptyAndScalarTensorsWork) {
  const Tensor empty = Tensor::Zeros(DType::kInt32, {4, 0});
  EXPECT_EQ(empty.size_bytes(), 0);
  EXPECT_EQ(Tensor(empty), empty);
  const Tensor scalar = Tensor::FromFloats({}, std::vector<float>{5});
  EXPECT_THAT(scalar.floats(), ElementsAre(5));
}

TEST(TensorTest, ComparesBits) {
  const Tensor nan = Tensor::FromFloats({1}, std::vector<float>{std::nanf("")});
  EXPECT_EQ(nan, Tensor(nan));
  EXPECT_FALSE(Tensor::FromFloats({1}, std::vector<float>{0.0F}) ==
               Tensor::FromFloats({1}, std::vector<float>{-0.0F}));
  EXPECT_FALSE(Tensor::Zeros(DType::kFloat32, {2}) == Tensor::Zeros(DType::kInt32, {2}));
  EXPECT_FALSE(Tensor::Zeros(DType::kFloat32, {2}) == Tensor::Zeros(DType::kFloat32, {1, 2}));
}

TEST(TensorTest, ReshapedKeepsElements) {
  const Tensor tensor = Tensor::FromFloats({2, 2}, std::vector<float>{1, 2, 3, 4});
  EXPECT_EQ(tensor.Reshaped({4}), Tensor::FromFloats({4}, std::vector<float>{1, 2, 3, 4}));
}

TEST(TensorTest, EveryElementTypeHasItsDType) {
  Tensor labels = Tensor::Zeros(DType::kInt64, {2});
  labels.mutable_data<int64_t>()[1] = -5;
  EXPECT_THAT(labels.data<int64_t>(), ElementsAre(0, -5));
  EXPECT_EQ(Tensor::Zeros(DType::kBFloat16, {2}).data<uint16_t>().size(), 2);
}

TEST(TensorDeathTest, MisuseCrashes) {
  const Tensor tensor = Tensor::Zeros(DType::kInt32, {2});
  EXPECT_DEATH(tensor.floats(), "a tensor of int32 read as float32");
  EXPECT_DEATH(tensor.Reshaped({3}), "reshaped");
  EXPECT_DEATH(Tensor::FromFloats({3}, std::vector<float>{1}), "1 values");
}

TEST(TensorTest, WhatDoesNotFitIntoMemoryThrowsAsOperatorNewDoes) {
  const Shape huge{std::int64_t{1} << 29, std::int64_t{1} << 29};  // 2^60 bytes
  EXPECT_THROW(Tensor::Zeros(DType::kFloat32, huge), std::bad_alloc);
}

}  // namespace
}  // namespace graft::tensor
