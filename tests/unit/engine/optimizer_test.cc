#include "common/engine/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/unit/engine/testing.h"

namespace graft::engine {
namespace {

using testing::Layer;

TEST(OptimizerTest, PaddingAndOtherTensorsAreNotTouched) {
  for (const recipe::OptimizerOptions& options :
       {recipe::OptimizerOptions(recipe::SgdOptions{}),
        recipe::OptimizerOptions(recipe::AdamOptions{}),
        recipe::OptimizerOptions(recipe::LambOptions{}),
        recipe::OptimizerOptions(recipe::AdaDeltaOptions{}),
        recipe::OptimizerOptions(recipe::MuonOptions{})}) {
    const auto optimizer = MakeOptimizer(options, {{.offset = 1, .count = 4, .rows = 2}}, 8);
    std::vector<float> parameters(8, 1.0F);
    optimizer->Step(0.1F, std::vector<float>(8, 0.5F), parameters, /*gradient_scale=*/1);
    for (const int outside : {0, 5, 6, 7}) EXPECT_EQ(parameters[outside], 1.0F) << options.index();
    for (const int inside : {1, 2, 3, 4}) EXPECT_NE(parameters[inside], 1.0F) << options.index();
  }
}

TEST(OptimizerTest, SegmentsThatDoNotDecayOnlyFollowTheirGradients) {
  for (const recipe::OptimizerOptions& options :
       {recipe::OptimizerOptions(recipe::SgdOptions{.weight_decay = 0.5}),
        recipe::OptimizerOptions(recipe::AdamOptions{.weight_decay = 0.5}),
        recipe::OptimizerOptions(recipe::AdamOptions{.weight_decay = 0.5, .decoupled = true}),
        recipe::OptimizerOptions(recipe::LambOptions{.weight_decay = 0.5}),
        recipe::OptimizerOptions(recipe::AdaDeltaOptions{.weight_decay = 0.5}),
        recipe::OptimizerOptions(recipe::MuonOptions{.weight_decay = 0.5})}) {
    const auto optimizer = MakeOptimizer(options,
                                         {{.count = 4, .rows = 2, .decays = true},
                                          {.offset = 4, .count = 4, .rows = 2, .decays = false}},
                                         8);
    std::vector<float> parameters(8, 1.0F);
    optimizer->Step(0.1F, std::vector<float>(8, 0.0F), parameters, /*gradient_scale=*/1);
    EXPECT_LT(parameters[0], 1.0F) << options.index();
    EXPECT_EQ(parameters[4], 1.0F) << options.index();
  }
}

TEST(TrainableSegmentsTest, MaskLeavesVectorsWithoutDecay) {
  const arch::Architecture architecture = testing::Classifier(
      {1, 6, 6},
      {Layer("convolution",
             {{"filters", std::int64_t{4}}, {"kernel", std::int64_t{3}}, {"bias", false}}),
       Layer("batch_norm"), Layer("relu")});
  const ParameterLayout layout(architecture);
  const auto all = TrainableSegments(architecture, layout, recipe::WeightDecayMask::kAll);
  const auto masked = TrainableSegments(architecture, layout, recipe::WeightDecayMask::kMatrices);
  ASSERT_EQ(all.size(), masked.size());
  int matrices = 0;
  std::int64_t elements = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_TRUE(all[i].decays);
    EXPECT_EQ(masked[i].decays, masked[i].rows > 0);
    matrices += masked[i].rows > 0;
    elements += all[i].count;
  }
  EXPECT_EQ(matrices, 2) << "the convolution's kernel and the classifier's matrix";
  EXPECT_EQ(elements, architecture.cost().parameters);
}

TEST(ClippingTest, BringsTheNormOfAllGradientsDown) {
  const std::vector<ParameterSegment> segments = {{.offset = 0, .count = 1},
                                                  {.offset = 2, .count = 1}};
  const std::vector<float> gradients = {3.0F, 100.0F, 4.0F};
  EXPECT_EQ(ClippingScale(segments, gradients, 5.0F), 1.0F)
      << "the norm is 5: padding is not in it";
  EXPECT_FLOAT_EQ(ClippingScale(segments, gradients, 1.0F), 0.2F);
  EXPECT_TRUE(std::isnan(ClippingScale(
      segments, std::vector<float>{std::numeric_limits<float>::quiet_NaN(), 0, 0}, 1.0F)));
  EXPECT_TRUE(std::isnan(ClippingScale(
      segments, std::vector<float>{std::numeric_limits<float>::infinity(), 0, 0}, 1.0F)));
}

}  // namespace
}  // namespace graft::engine
