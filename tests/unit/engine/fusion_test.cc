// What the CPU backend computes at once, and that it computes the same.
#include "common/engine/cpu/fusion.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "common/engine/cpu/cpu_backend.h"
#include "tests/unit/engine/testing.h"

namespace graft::engine {
namespace {

using testing::Classifier;
using testing::Examples;
using testing::Layer;
using testing::RandomParameters;
using testing::RelativeDifference;
using testing::WithLoss;

using Ints = std::vector<std::int64_t>;

arch::LayerDef Pool(Ints kernel, Ints strides) {
  return Layer("max_pool", {{"kernel", std::move(kernel)}, {"strides", std::move(strides)}}, {},
               "pool");
}

// A convolution, batch norm "norm", and what comes behind it.
arch::Architecture Behind(const tensor::Shape& image, std::vector<arch::LayerDef> layers) {
  layers.insert(layers.begin(),
                {Layer("convolution", {{"filters", std::int64_t{5}}, {"kernel", std::int64_t{3}}}),
                 Layer("batch_norm", {}, {}, "norm")});
  layers.push_back(Layer("global_average_pool"));
  return WithLoss(Classifier(image, std::move(layers), 4));
}

// The id of the layer whose value is that of the batch norm's kernel.
std::string ResultOfNorm(const arch::Architecture& architecture, const PlanOptions& options = {}) {
  const arch::NodeIndex norm = *architecture.FindNode("norm");
  return std::string(architecture.node(cpu::FuseChains(architecture, options)[norm].result).id);
}

TEST(FusionTest, BatchNormTakesReluAndPoolThatTilesThePlane) {
  const auto relu = Layer("relu", {}, {}, "relu");
  EXPECT_EQ(ResultOfNorm(Behind({2, 6, 4}, {relu, Pool({2, 2}, {2, 2})})), "pool");
  EXPECT_EQ(ResultOfNorm(Behind({2, 6, 4}, {Pool({2, 2}, {2, 2})})), "pool");
  EXPECT_EQ(ResultOfNorm(Behind({2, 6, 4}, {relu, Layer("relu")})), "relu");
  // Windows that overlap, leave something out, or are of another size.
  EXPECT_EQ(ResultOfNorm(Behind({2, 6, 4}, {relu, Pool({2, 2}, {1, 1})})), "relu");
  EXPECT_EQ(ResultOfNorm(Behind({2, 6, 5}, {relu, Pool({2, 2}, {2, 2})})), "relu");
  EXPECT_EQ(ResultOfNorm(Behind({2, 6, 6}, {relu, Pool({3, 3}, {3, 3})})), "relu");
  EXPECT_EQ(ResultOfNorm(Behind({2, 6, 6}, {relu, Pool({2, 1}, {2, 1})})), "relu");
}

TEST(FusionTest, WhatIsWantedOrHasOtherUsersKeepsItsValue) {
  const auto relu = Layer("relu", {}, {}, "relu");
  const arch::Architecture all = Behind({2, 6, 4}, {relu, Pool({2, 2}, {2, 2})});
  EXPECT_EQ(ResultOfNorm(all, {.fetch = {*all.FindNode("norm")}}), "norm");
  EXPECT_EQ(ResultOfNorm(all, {.fetch = {*all.FindNode("relu")}}), "relu");
  EXPECT_EQ(ResultOfNorm(all, {.fetch = {*all.FindNode("pool")}}), "pool");
  const arch::Architecture branches = Behind(
      {2, 6, 4}, {relu, Layer("sigmoid", {}, {"relu"}, "a"), Layer("add", {}, {"a", "relu"})});
  EXPECT_EQ(ResultOfNorm(branches), "relu");
}

// Pixels of few values, so that windows have equal elements.
void MakeCoarse(Examples& examples) {
  for (float& pixel : examples.images) pixel = pixel > 0 ? 1.0F : -1.0F;
}

class PooledNormTest : public ::testing::TestWithParam<std::tuple<std::int64_t, bool>> {};

TEST_P(PooledNormTest, EqualsItsPartsAlsoWhereElementsOfAWindowAreEqual) {
  const auto [channels, relu] = GetParam();
  std::vector<arch::LayerDef> layers = {
      Layer("convolution", {{"filters", channels}, {"kernel", std::int64_t{1}}}),
      Layer("batch_norm", {}, {}, "norm")};
  if (relu) layers.push_back(Layer("relu"));
  layers.push_back(Pool({2, 2}, {2, 2}));
  layers.push_back(Layer("global_average_pool"));
  const arch::Architecture network = WithLoss(Classifier({3, 8, 6}, std::move(layers), 4));
  cpu::CpuBackend backend;
  const auto whole = backend.Compile(network, {.batch = 20});
  const auto parts = backend.Compile(network, {.batch = 20, .fetch = {*network.FindNode("norm")}});
  ASSERT_TRUE(whole.ok() && parts.ok());
  Examples examples(network, 20, 3);
  MakeCoarse(examples);
  for (const Mode mode : {Mode::kInference, Mode::kTraining}) {
    ParameterVector of_whole = RandomParameters(network, (*whole)->layout(), 5);
    ParameterVector of_parts = of_whole;
    ASSERT_TRUE((*whole)->Forward(mode, examples.feed(), of_whole).ok());
    ASSERT_TRUE((*parts)->Forward(mode, examples.feed(), of_parts).ok());
    EXPECT_TRUE(std::ranges::equal((*whole)->Output(1), (*parts)->Output(1)));
    EXPECT_TRUE(std::ranges::equal(of_whole.values(), of_parts.values()));
    if (mode == Mode::kInference) continue;
    ParameterVector from_whole((*whole)->layout().size());
    ParameterVector from_parts((*whole)->layout().size());
    ASSERT_TRUE((*whole)->Backward(examples.feed(), of_whole, from_whole).ok());
    ASSERT_TRUE((*parts)->Backward(examples.feed(), of_parts, from_parts).ok());
    EXPECT_LE(RelativeDifference(from_whole.values(), from_parts.values()), 2e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(Channels, PooledNormTest,
                         ::testing::Combine(::testing::Values(1, 4, 7, 16, 21), ::testing::Bool()));

}  // namespace
}  // namespace graft::engine
