// Training in bfloat16: products of rounded operands, everything else in float32.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "common/base/rng.h"
#include "common/engine/cpu/arena.h"
#include "common/engine/cpu/convolution_method.h"
#include "common/engine/cpu/cpu_backend.h"
#include "common/engine/reference/reference_backend.h"
#include "common/engine/train_loop.h"
#include "tests/unit/engine/bfloat16_table.h"
#include "tests/unit/engine/convolution_sums.h"
#include "tests/unit/engine/testing.h"

namespace graft::engine {
namespace {

using cpu::ConvolutionProblem;
using recipe::Precision;
using testing::ConvolutionSums;
using testing::Difference;
using testing::Examples;
using testing::Layer;
using testing::RandomValues;
using testing::Values;

// To the nearest float32 whose lower half is zero, ties to the even one.
float Rounded(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t lower = bits & 0xFFFF;
  const bool up = lower > 0x8000 || (lower == 0x8000 && (bits >> 16) % 2 == 1);
  return std::bit_cast<float>(((bits >> 16) + (up ? 1 : 0)) << 16);
}

Values Rounded(Values values) {
  for (float& value : values) value = Rounded(value);
  return values;
}

TEST(RoundingOfThisTest, IsToTheNearestOfEightBits) {
  EXPECT_EQ(Rounded(1.0F), 1.0F);
  EXPECT_EQ(Rounded(1.0F + 0x1p-8F), 1.0F);  // a tie
  EXPECT_EQ(Rounded(1.0F + 0x1.8p-8F), 1.0F + 0x1p-7F);
  EXPECT_EQ(Rounded(1.0F + 0x1p-7F + 0x1p-8F), 1.0F + 0x1p-6F);  // a tie
  EXPECT_EQ(Rounded(-3.3F), -3.296875F);
}

// Far less than what rounding moves, and more than sums in float32 do.
constexpr double kTolerance = 1e-5;

// Any kernel, stride, dilation, padding, groups and odd widths.
ConvolutionProblem RandomProblem(base::Rng& random) {
  const auto draw = [&](std::uint64_t low, std::uint64_t high) {
    return static_cast<std::int64_t>(low + random.UniformInt(high - low + 1));
  };
  const std::int64_t groups = draw(0, 2) == 0 ? draw(2, 4) : 1;
  const std::int64_t channels = draw(1, 40);
  const std::int64_t filters = draw(1, 40);
  ConvolutionProblem problem{.x = {.height = draw(5, 12), .width = draw(5, 12)},
                             .weight = {groups * filters, channels, draw(1, 4), draw(1, 4)},
                             .groups = groups,
                             .strides = {draw(1, 3), draw(1, 2)},
                             .dilates = {draw(0, 1), draw(0, 1)},
                             .bias = draw(0, 1) == 1,
                             .data_gradient = true,
                             .weight_gradient = true};
  problem.x.channels = groups * channels;
  problem.y.channels = groups * filters;
  const auto extent = [&](int axis, std::int64_t size) {
    const std::int64_t reach = (problem.weight[2 + axis] - 1) * (problem.dilates[axis] + 1);
    problem.padding_before.push_back(draw(0, reach));
    problem.padding_after.push_back(draw(0, reach));
    const std::int64_t padded = size + problem.padding_before[axis] + problem.padding_after[axis];
    return (padded - reach - 1) / problem.strides[axis] + 1;
  };
  problem.y.height = extent(0, problem.x.height);
  problem.y.width = extent(1, problem.x.width);
  return problem;
}

TEST(Bfloat16ConvolutionTest, EveryPassIsTheSumOfProductsOfRoundedOperands) {
  if (!cpu::HaveBfloat16()) GTEST_SKIP() << "this processor has no bfloat16";
  base::Rng random(3);
  for (int round = 0; round < 40; ++round) {
    const ConvolutionProblem problem = RandomProblem(random);
    SCOPED_TRACE(::testing::Message()
                 << problem.x.channels << " to " << problem.y.channels << " in " << problem.groups
                 << ", " << problem.x.height << "x" << problem.x.width << ", kernel "
                 << problem.weight[2] << "x" << problem.weight[3] << ", strides "
                 << problem.strides[0] << " and " << problem.strides[1]);
    const auto method = cpu::MakeBfloat16Convolution(problem, /*batch=*/4);
    for (const std::int64_t count : {4, 3}) {
      const ConvolutionSums sums(problem, count);
      const Values x = RandomValues(count * problem.x.elements(), 1);
      const Values dy = RandomValues(count * problem.y.elements(), 2);
      const Values w = RandomValues(sums.WeightGradient(x, dy).size(), 3);
      const Values bias = problem.bias ? RandomValues(problem.y.channels, 4) : Values{0.0F};
      Values y(dy.size(), NAN), dx(x.size(), NAN), dw(w.size(), NAN);
      Values dbias(problem.y.channels, NAN);
      const cpu::AlignedBuffer scratch(method->scratch_bytes());
      ASSERT_TRUE(method
                      ->Forward(count, {x.data()}, w.data(), problem.bias ? bias.data() : nullptr,
                                scratch.floats(), y.data())
                      .ok());
      ASSERT_TRUE(
          method->DataGradient(count, dy.data(), w.data(), scratch.floats(), dx.data()).ok());
      ASSERT_TRUE(method
                      ->WeightGradient(count, {x.data()}, dy.data(), scratch.floats(), dw.data(),
                                       problem.bias ? dbias.data() : nullptr)
                      .ok());
      EXPECT_LT(Difference(y, sums.Forward(Rounded(x), Rounded(w), bias)), kTolerance);
      EXPECT_LT(Difference(dx, sums.DataGradient(Rounded(dy), Rounded(w))), kTolerance);
      EXPECT_LT(Difference(dw, sums.WeightGradient(Rounded(x), Rounded(dy))), kTolerance);
      if (problem.bias) {
        EXPECT_LT(Difference(dbias, sums.BiasGradient(Rounded(dy))), kTolerance);
      }
      EXPECT_GT(Difference(y, sums.Forward(x, w, bias)), 10 * kTolerance);
    }
  }
}

arch::LayerDef Conv(std::int64_t filters, std::int64_t stride = 1) {
  return Layer("convolution", {{"filters", filters},
                               {"kernel", std::int64_t{3}},
                               {"strides", std::vector<std::int64_t>{stride, stride}}});
}

// Logits and gradients of one batch.
struct Step {
  Values logits;
  Values gradients;
};

class Bfloat16PlanTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!cpu::HaveBfloat16()) GTEST_SKIP() << "this processor has no bfloat16";
  }

  static Step Take(Backend& backend, const arch::Architecture& network,
                   const PlanOptions& options) {
    const auto plan = backend.Compile(network, options);
    EXPECT_TRUE(plan.ok()) << plan.status();
    const Examples examples(network, options.batch, 2);
    ParameterVector parameters = testing::RandomParameters(network, (*plan)->layout(), 3);
    ParameterVector gradients((*plan)->layout().trainable_size());
    EXPECT_TRUE((*plan)->Forward(Mode::kTraining, examples.feed(), parameters).ok());
    EXPECT_TRUE((*plan)->Backward(examples.feed(), parameters, gradients).ok());
    const std::span<const float> logits = (*plan)->Output(1);
    return {{logits.begin(), logits.end()}, {gradients.values().begin(), gradients.values().end()}};
  }

  // Near those of float64, and moved by rounding.
  void ExpectRounded(const arch::Architecture& network, std::int64_t batch) {
    const Step expected = Take(reference_, network, {.batch = batch});
    const Step actual = Take(all_, network, {.batch = batch, .precision = Precision::kBfloat16});
    const double logits = testing::RelativeDifference(actual.logits, expected.logits);
    const double gradients = testing::RelativeDifference(actual.gradients, expected.gradients);
    EXPECT_GT(logits, 1e-4);
    EXPECT_LT(logits, 0.03);
    EXPECT_GT(gradients, 1e-4);
    EXPECT_LT(gradients, 0.05);
  }

  reference::ReferenceBackend reference_;
  cpu::CpuBackend all_{{.kernels = testing::AllBfloat16()}};
};

TEST_F(Bfloat16PlanTest, ConvolutionsOfAllKindsAreRounded) {
  ExpectRounded(
      testing::WithLoss(testing::Classifier(
          {3, 12, 12},
          {Conv(8), Layer("relu", {}, {}, "r"),
           Layer("convolution", {{"filters", std::int64_t{7}}, {"kernel", std::int64_t{1}}}),
           Conv(8, 2),
           Layer("convolution", {{"filters", std::int64_t{8}},
                                 {"kernel", std::int64_t{3}},
                                 {"groups", std::int64_t{2}}}),
           Layer("relu")})),
      /*batch=*/32);
}

// One value feeds several layers, so that gradients are added, too.
TEST_F(Bfloat16PlanTest, LinearLayersOverTokensAreRounded) {
  ExpectRounded(testing::WithLoss(testing::Classifier(
                    {16, 6}, {Layer("linear", {{"units", std::int64_t{12}}}, {}, "t"),
                              Layer("linear", {{"units", std::int64_t{5}}}, {"t"}, "a"),
                              Layer("linear", {{"units", std::int64_t{5}}}, {"t"}, "b"),
                              Layer("multiply", {}, {"a", "b"})})),
                /*batch=*/64);
}

arch::Architecture SmallNetwork() {
  return testing::WithLoss(
      testing::Classifier({2, 8, 8}, {Conv(6), Layer("batch_norm"), Layer("relu"), Conv(4)}));
}

TEST_F(Bfloat16PlanTest, WhatDoesNotAdmitItHasTheBitsOfFloat32) {
  const arch::Architecture network = SmallNetwork();
  const Step expected = Take(all_, network, {.batch = 16});
  const auto expect_equal = [&](Backend& backend, const PlanOptions& options) {
    const Step actual = Take(backend, network, options);
    EXPECT_EQ(actual.logits, expected.logits);
    EXPECT_EQ(actual.gradients, expected.gradients);
  };
  // The table's float32 part is all direct.
  expect_equal(all_, {.batch = 16, .exact = true, .precision = Precision::kBfloat16});
  cpu::CpuBackend direct({.kernels = cpu::KernelTable()});
  expect_equal(direct, {.batch = 16, .precision = Precision::kBfloat16});
  EXPECT_NE(Take(all_, network, {.batch = 16, .precision = Precision::kBfloat16}).logits,
            expected.logits);
}

TEST_F(Bfloat16PlanTest, DepthwiseConvolutionsStayFloat32) {
  const arch::Architecture network = testing::WithLoss(
      testing::Classifier({4, 8, 8}, {Layer("convolution", {{"filters", std::int64_t{4}},
                                                            {"kernel", std::int64_t{5}},
                                                            {"groups", std::int64_t{4}}}),
                                      Layer("relu")}));
  const Step rounded = Take(all_, network, {.batch = 16, .precision = Precision::kBfloat16});
  const Step plain = Take(all_, network, {.batch = 16});
  EXPECT_EQ(rounded.logits, plain.logits);
  EXPECT_EQ(rounded.gradients, plain.gradients);
}

TEST_F(Bfloat16PlanTest, FewRowsAreNotWorthRoundingTheWeights) {
  const arch::Architecture network = testing::WithLoss(testing::Classifier({20}, {}));
  const PlanOptions narrow{.batch = 64, .precision = Precision::kBfloat16};
  EXPECT_EQ(Take(all_, network, narrow).logits, Take(all_, network, {.batch = 64}).logits);
  const PlanOptions wide{.batch = 2'000, .precision = Precision::kBfloat16};
  EXPECT_NE(Take(all_, network, wide).logits, Take(all_, network, {.batch = 2'000}).logits);
}

class Bfloat16TrainingTest : public Bfloat16PlanTest {
 protected:
  absl::StatusOr<TrainResult> Train(const recipe::Recipe& recipe, ParameterVector& parameters) {
    const auto plan = all_.Compile(network_, {.batch = 16, .precision = recipe.precision});
    const Examples examples(network_, 48, 2);
    testing::FixedSource source(examples, 16);
    return engine::Train(**plan, parameters, source, recipe);
  }
  ParameterVector Fresh() const {
    return InitializeParameters(network_, ParameterLayout(network_), 1);
  }

  const arch::Architecture network_ = SmallNetwork();
  recipe::Recipe recipe_{.epochs = 1,
                         .optimizer = recipe::SgdOptions{.learning_rate = 0.05},
                         .schedule = {.shape = recipe::ConstantSchedule{}},
                         .precision = Precision::kBfloat16};
};

TEST_F(Bfloat16TrainingTest, LearnsAboutAsFloat32Does) {
  ParameterVector parameters = Fresh();
  const double first = Train(recipe_, parameters)->mean_loss;
  recipe_.epochs = 30;
  const double last = Train(recipe_, parameters)->mean_loss;
  EXPECT_LT(last, 0.5 * first);
  parameters = Fresh();
  recipe_.epochs = 1;
  recipe_.precision = Precision::kFloat32;
  EXPECT_NEAR(Train(recipe_, parameters)->mean_loss, first, 0.02);
}

TEST_F(Bfloat16TrainingTest, EqualArgumentsGiveEqualBits) {
  ParameterVector one = Fresh();
  ParameterVector other = Fresh();
  recipe_.epochs = 3;
  ASSERT_TRUE(Train(recipe_, one).ok());
  ASSERT_TRUE(Train(recipe_, other).ok());
  EXPECT_TRUE(std::ranges::equal(one.values(), other.values()));
}

// Steps that vanish in a bfloat16 add up in the weights: these are float32.
TEST_F(Bfloat16TrainingTest, StepsSmallerThanTheRoundingMoveTheWeights) {
  recipe_.optimizer = recipe::SgdOptions{.learning_rate = 1e-5, .momentum = 0, .weight_decay = 0};
  const ParameterVector before = Fresh();
  ParameterVector after = Fresh();
  ASSERT_TRUE(Train(recipe_, after).ok());
  const ParameterLayout layout(network_);
  for (const ParameterLayout::Slot& slot : layout.slots()) {
    if (!network_.TensorName(slot.node).ends_with(".weight")) continue;
    EXPECT_FALSE(std::ranges::equal(before.slice(slot), after.slice(slot)));
    EXPECT_LT(testing::RelativeDifference(after.slice(slot), before.slice(slot)), 0x1p-9);
  }
}

TEST(UnsupportedPrecisionTest, NamesOperatorPrecisionAndBackend) {
  const arch::Architecture network = SmallNetwork();
  reference::ReferenceBackend reference;
  const absl::Status status =
      reference.Compile(network, {.precision = Precision::kBfloat16}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(status.message(),
            "the reference backend has no bfloat16 kernel for layer convolution_1 (convolution)");
}

}  // namespace
}  // namespace graft::engine
