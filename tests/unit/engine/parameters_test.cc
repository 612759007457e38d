#include "common/engine/parameters.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/unit/engine/testing.h"

namespace graft::engine {
namespace {

using testing::Layer;

arch::Architecture Example() {
  return testing::Classifier(
      {1, 6, 6},
      {Layer("convolution",
             {{"filters", std::int64_t{5}}, {"kernel", std::int64_t{3}}, {"bias", false}}),
       Layer("batch_norm"), Layer("relu")});
}

TEST(ParameterLayoutTest, TrainablesComeFirstAndEachSlotIsAligned) {
  const ParameterLayout layout(Example());
  bool seen_statistic = false;
  std::int64_t end = 0;
  for (const ParameterLayout::Slot& slot : layout.slots()) {
    EXPECT_EQ(slot.offset % 16, 0);
    EXPECT_GE(slot.offset, end);
    end = slot.offset + slot.count;
    seen_statistic = seen_statistic || !slot.trainable;
    EXPECT_EQ(slot.trainable, !seen_statistic);
    EXPECT_EQ(slot.offset < layout.trainable_size(), slot.trainable);
    EXPECT_EQ(layout.slot(slot.node).offset, slot.offset);
  }
  EXPECT_EQ(layout.slots().size(), 7u);  // weight, scale, shift, weight, bias; mean, variance
  EXPECT_GE(layout.size(), end);
}

TEST(InitializeParametersTest, FollowsTheInitializers) {
  const arch::Architecture architecture = testing::Classifier(
      {8, 6, 6},
      {Layer("convolution",
             {{"filters", std::int64_t{100}}, {"kernel", std::int64_t{3}}, {"bias", false}})},
      10);
  const ParameterLayout layout(architecture);
  const ParameterVector parameters = InitializeParameters(architecture, layout, 1);
  const auto by_role = [&](std::string_view id) {
    return parameters.slice(layout.slot(*architecture.FindNode(id)));
  };
  double squares = 0;
  for (const float value : by_role("convolution_1.weight")) squares += value * value;
  EXPECT_NEAR(squares / 7200, 2.0 / 72, 2.0 / 72 * 0.1);  // fan_in = 8 * 3 * 3
  const float bound = std::sqrt(6.0F / (3600 + 10));
  const auto [low, high] = std::ranges::minmax(by_role("linear_1.weight"));
  EXPECT_GE(low, -bound);
  EXPECT_LT(high, bound);
  EXPECT_GT(high, 0.99F * bound);
  EXPECT_EQ(std::ranges::count(by_role("linear_1.bias"), 0.0F), 10);
}

TEST(InitializeParametersTest, AParameterDoesNotDependOnLaterOnes) {
  const arch::Architecture small = testing::Classifier({6}, {}, 4);
  const arch::Architecture large =
      testing::Network({6}, {Layer("linear", {{"units", std::int64_t{4}}}),
                             Layer("linear", {{"units", std::int64_t{4}}})});
  const ParameterLayout small_layout(small);
  const ParameterLayout large_layout(large);
  const ParameterVector a = InitializeParameters(small, small_layout, 9);
  const ParameterVector b = InitializeParameters(large, large_layout, 9);
  EXPECT_TRUE(
      std::ranges::equal(a.slice(small_layout.slots()[0]), b.slice(large_layout.slots()[0])));
}

TEST(TensorsTest, RoundTripIsTheIdentity) {
  const arch::Architecture architecture = Example();
  const ParameterLayout layout(architecture);
  const ParameterVector parameters = testing::RandomParameters(architecture, layout, 2);
  const auto restored =
      FromTensors(architecture, layout, ToTensors(architecture, layout, parameters));
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_TRUE(std::ranges::equal(restored->values(), parameters.values()));
}

TEST(TensorsTest, NamesTheTensorThatDoesNotFit) {
  const arch::Architecture architecture = Example();
  const ParameterLayout layout(architecture);
  const tensor::NamedTensors good =
      ToTensors(architecture, layout, InitializeParameters(architecture, layout, 2));
  const std::string name = architecture.TensorName(architecture.parameters()[0]);
  const auto message = [&](const tensor::NamedTensors& tensors) {
    const absl::Status status = FromTensors(architecture, layout, tensors).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  tensor::NamedTensors missing = good;
  missing.Erase(name);
  EXPECT_EQ(message(missing),
            "tensor " + name + " (convolution_1.weight) of shape [5,1,3,3] is missing");
  tensor::NamedTensors reshaped = good;
  reshaped.Set(name, good.Get(name).Reshaped({5, 9}));
  EXPECT_EQ(message(reshaped),
            "tensor " + name +
                " (convolution_1.weight) must be float32 of shape [5,1,3,3], got float32 of shape "
                "[5,9]");
  tensor::NamedTensors superfluous = good;
  superfluous.Set("99999.weight", good.Get(name));
  EXPECT_EQ(message(superfluous), "tensor 99999.weight belongs to no parameter");
}

}  // namespace
}  // namespace graft::engine
