#include "common/tensor/named_tensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace graft::tensor {
namespace {

using testing::ElementsAre;

Tensor Scalar(float value) { return Tensor::FromFloats({}, std::vector<float>{value}); }

TEST(NamedTensorsTest, FindsWhatWasInserted) {
  NamedTensors tensors;
  ASSERT_TRUE(tensors.Insert("a", Scalar(1)).ok());
  ASSERT_NE(tensors.Find("a"), nullptr);
  EXPECT_EQ(*tensors.Find("a"), Scalar(1));
  EXPECT_EQ(tensors.Get("a"), Scalar(1));
  EXPECT_EQ(tensors.Find("b"), nullptr);
  EXPECT_EQ(tensors.FindMutable("b"), nullptr);
  tensors.FindMutable("a")->mutable_floats()[0] = 2;
  EXPECT_EQ(tensors.Get("a"), Scalar(2));
}

TEST(NamedTensorsTest, InsertRefusesATakenName) {
  NamedTensors tensors;
  ASSERT_TRUE(tensors.Insert("a", Scalar(1)).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(tensors.Insert("a", Scalar(2))));
  EXPECT_EQ(tensors.Get("a"), Scalar(1));
  tensors.Set("a", Scalar(3));
  EXPECT_EQ(tensors.Get("a"), Scalar(3));
}

TEST(NamedTensorsTest, IteratesInOrderOfNames) {
  NamedTensors tensors;
  for (const char* name : {"b", "a.9", "a.10", ""}) tensors.Set(name, Scalar(0));
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("", "a.10", "a.9", "b"));
}

TEST(NamedTensorsTest, ErasesAndCounts) {
  NamedTensors tensors;
  EXPECT_TRUE(tensors.empty());
  tensors.Set("a", Tensor::Zeros(DType::kFloat32, {3}));
  tensors.Set("b", Tensor::Zeros(DType::kInt64, {2}));
  EXPECT_EQ(tensors.size(), 2);
  EXPECT_EQ(tensors.TotalSizeBytes(), 28);
  EXPECT_TRUE(tensors.Erase("a"));
  EXPECT_FALSE(tensors.Erase("a"));
  EXPECT_FALSE(tensors.Contains("a"));
}

TEST(NamedTensorsDeathTest, GetOfAMissingNameCrashes) {
  EXPECT_DEATH(NamedTensors().Get("w"), "no tensor named \"w\"");
}

}  // namespace
}  // namespace graft::tensor
