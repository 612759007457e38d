// What the CPU backend computes at once, and that it computes the same.
#include "common/engine/cpu/fusion.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "common/engine/cpu/avx512_convolution.h"
#include "common/engine/cpu/cpu_backend.h"
#include "common/engine/cpu/plan.h"
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

std::vector<cpu::FusedChain> Fused(const arch::Architecture& architecture,
                                   const PlanOptions& options = {}) {
  return cpu::FuseChains(architecture, options, cpu::KernelTable::Default());
}

// The id of the layer whose value is that of the batch norm's kernel.
std::string ResultOfNorm(const arch::Architecture& architecture, const PlanOptions& options = {}) {
  const arch::NodeIndex norm = *architecture.FindNode("norm");
  return std::string(architecture.node(Fused(architecture, options)[norm].result).id);
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
  const auto parts = backend.Compile(
      network,
      {.batch = 20, .fetch = {*network.FindNode("convolution_1"), *network.FindNode("norm")}});
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

arch::LayerDef Convolution(std::int64_t filters, std::int64_t kernel, arch::Attributes more = {}) {
  more.insert({{"filters", filters}, {"kernel", kernel}});
  return Layer("convolution", std::move(more), {}, "convolution");
}

struct FoldCase {
  const char* name;
  arch::LayerDef convolution;
};

class FoldedNormTest : public ::testing::TestWithParam<std::tuple<FoldCase, bool, bool>> {
 protected:
  // Fetching the convolution's value keeps the batch norm out of it.
  static std::unique_ptr<Plan> Compile(const arch::Architecture& network, bool folded, bool exact) {
    PlanOptions options{.batch = 9, .gradients = false, .exact = exact};
    if (!folded) options.fetch = {*network.FindNode("convolution")};
    auto plan = cpu::CpuBackend().Compile(network, options);
    EXPECT_TRUE(plan.ok()) << plan.status();
    return *std::move(plan);
  }
};

TEST_P(FoldedNormTest, InferenceEqualsThatOfTheTwoOneAfterTheOther) {
  const auto& [of, bias, relu] = GetParam();
  arch::LayerDef convolution = of.convolution;
  convolution.attributes["bias"] = bias;
  std::vector<arch::LayerDef> layers = {convolution, Layer("batch_norm", {}, {}, "norm")};
  if (relu) layers.push_back(Layer("relu"));
  layers.push_back(Layer("global_average_pool"));
  const arch::Architecture network = WithLoss(Classifier({6, 9, 8}, std::move(layers), 4));
  const Examples examples(network, 9, 3);
  for (const bool exact : {false, true}) {
    const auto together = Compile(network, true, exact);
    const auto apart = Compile(network, false, exact);
    ParameterVector parameters = RandomParameters(network, together->layout(), 5);
    for (const std::int64_t count : {9, 2}) {
      for (Plan* const plan : {together.get(), apart.get()}) {
        ASSERT_TRUE(plan->Forward(Mode::kInference, examples.feed(count), parameters).ok());
      }
      EXPECT_LE(RelativeDifference(together->Output(1), apart->Output(1)), exact ? 0 : 1e-5);
    }
    // In training the two are apart in both plans.
    ParameterVector other = parameters;
    ASSERT_TRUE(together->Forward(Mode::kTraining, examples.feed(), parameters).ok());
    ASSERT_TRUE(apart->Forward(Mode::kTraining, examples.feed(), other).ok());
    EXPECT_TRUE(std::ranges::equal(together->Output(1), apart->Output(1)));
    EXPECT_TRUE(std::ranges::equal(parameters.values(), other.values()));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Convolutions, FoldedNormTest,
    ::testing::Combine(
        ::testing::Values(FoldCase{"Winograd", Convolution(32, 3)},
                          FoldCase{"Pointwise", Convolution(10, 1)},
                          FoldCase{"Strided", Convolution(7, 5, {{"strides", std::int64_t{2}}})},
                          FoldCase{"Groups", Convolution(8, 3, {{"groups", std::int64_t{2}}})},
                          FoldCase{"Depthwise", Convolution(6, 7, {{"groups", std::int64_t{6}}})}),
        ::testing::Bool(), ::testing::Bool()),
    [](const auto& info) {
      return std::string(std::get<0>(info.param).name) +
             (std::get<1>(info.param) ? "WithBias" : "") +
             (std::get<2>(info.param) ? "WithRelu" : "");
    });

TEST(FusionTest, InferenceFoldsBatchNormsIntoConvolutionsThatNothingElseReads) {
  const auto folds = [](const arch::Architecture& network, const PlanOptions& options) {
    return Fused(network, options)[*network.FindNode("norm")].folded >= 0;
  };
  const arch::Architecture plain = Behind({2, 6, 4}, {Layer("relu")});
  EXPECT_TRUE(folds(plain, {}));
  EXPECT_FALSE(folds(plain, {.exact = true}));
  EXPECT_FALSE(folds(Behind({2, 6, 4}, {Layer("relu"), Pool({2, 2}, {2, 2})}), {}));
  EXPECT_FALSE(folds(Behind({2, 6, 4}, {Layer("add", {}, {"norm", "convolution_1"})}), {}));
}

using Layers = std::vector<arch::LayerDef>;

// Layers, then a batch norm "norm", with "relu" behind it, then others.
arch::Architecture Around(Layers before, bool relu, const Layers& behind,
                          const tensor::Shape& image = {6, 9, 8}) {
  Layers layers = std::move(before);
  layers.push_back(Layer("batch_norm", {}, {}, "norm"));
  if (relu) layers.push_back(Layer("relu", {}, {}, "relu"));
  layers.insert(layers.end(), behind.begin(), behind.end());
  layers.push_back(Layer("global_average_pool"));
  return WithLoss(Classifier(image, std::move(layers), 4));
}

arch::LayerDef First() {
  return Layer("convolution", {{"filters", std::int64_t{48}}, {"kernel", std::int64_t{3}}}, {},
               "first");
}

// A batch norm between two convolutions.
arch::Architecture Between(arch::LayerDef convolution, bool relu = true) {
  return Around({First()}, relu, {std::move(convolution)});
}
// Over what others read, too, after it and before it.
arch::Architecture Residual(arch::LayerDef convolution, bool relu) {
  return Around({First(), Layer("silu", {}, {"first"}, "other")}, relu,
                {std::move(convolution), Layer("add", {}, {"convolution", "first"}, "sum"),
                 Layer("concat", {}, {"sum", "other"})});
}
// Over images.
arch::Architecture OfInput(arch::LayerDef convolution, bool relu) {
  return Around({}, relu, {std::move(convolution)}, {48, 9, 8});
}

struct PrologueCase {
  const char* name;
  arch::Architecture (*network)(arch::LayerDef convolution, bool relu);
  std::int64_t filters;
};

class PrologueTest : public ::testing::TestWithParam<std::tuple<PrologueCase, std::int64_t, bool>> {
 protected:
  void SetUp() override {
    if (!cpu::HaveAvx512()) GTEST_SKIP() << "this processor has no AVX-512";
  }
  static std::int64_t Kernel() { return std::get<1>(GetParam()); }
  static arch::Architecture Network() {
    const PrologueCase& of = std::get<0>(GetParam());
    return of.network(Convolution(of.filters, Kernel()), std::get<2>(GetParam()));
  }

  // Two steps, of different numbers of examples, with a look at the network between them: logits,
  // gradients and statistics.
  static std::vector<float> Train(const arch::Architecture& network, PlanOptions options) {
    options.batch = 9;
    const int threads = std::min(3, omp_get_thread_limit());
    const auto plan = cpu::CpuBackend({.threads = threads}).Compile(network, options);
    EXPECT_TRUE(plan.ok()) << plan.status();
    const Examples examples(network, 9, 3);
    ParameterVector parameters = RandomParameters(network, (*plan)->layout(), 5);
    std::vector<float> found;
    const auto keep = [&](std::span<const float> values) {
      found.insert(found.end(), values.begin(), values.end());
    };
    for (const std::int64_t count : {9, 4}) {
      ParameterVector gradients((*plan)->layout().size());
      const Feed feed = examples.feed(count);
      EXPECT_TRUE((*plan)->Forward(Mode::kTraining, feed, parameters).ok());
      keep((*plan)->Output(1));
      EXPECT_TRUE((*plan)->Backward(feed, parameters, gradients).ok());
      keep(gradients.values());
      EXPECT_TRUE((*plan)->Forward(Mode::kInference, feed, parameters).ok());
      keep((*plan)->Output(1));
    }
    keep(parameters.values());
    return found;
  }
};

// Fetching the batch norm's value keeps it out of the convolution; one of 1x1 is then computed by
// another method.
TEST_P(PrologueTest, ATrainingEqualsThatOfTheTwoOneAfterTheOther) {
  const arch::Architecture network = Network();
  const arch::NodeIndex norm = *network.FindNode("norm");
  ASSERT_GE(Fused(network)[norm].prologue_of, 0);
  std::vector<arch::NodeIndex> frozen;
  // Nothing frozen, then always more, from the start of the network.
  for (const char* const next : {"", "first", "norm", "convolution"}) {
    const std::optional<arch::NodeIndex> node = network.FindNode(next);
    if (node) {
      std::ranges::copy(std::span(network.node(*node).operands).subspan(1),
                        std::back_inserter(frozen));
    }
    const std::vector<float> together = Train(network, {.frozen = frozen});
    const std::vector<float> apart =
        Train(network, {.fetch = {Fused(network)[norm].result}, .frozen = frozen});
    EXPECT_LE(RelativeDifference(together, apart), Kernel() == 1 ? 1e-5 : 0)
        << frozen.size() << " tensors are frozen";
  }
}

TEST_P(PrologueTest, APlanThatTrainsDoesNotKeepTheNormsResult) {
  const arch::Architecture network = Network();
  const arch::NodeIndex result = Fused(network)[*network.FindNode("norm")].result;
  const auto arena_bytes = [&](std::vector<arch::NodeIndex> fetch) {
    return cpu::CpuPlan::Create(network, {.batch = 9, .fetch = std::move(fetch)}, {})
        .value()
        ->arena_bytes();
  };
  EXPECT_LE(arena_bytes({}), arena_bytes({result}) - 9 * 48 * 9 * 8 * 4);
}

TEST_P(PrologueTest, TheNormIsNamedWhenItIsTheFirstThatIsNotFinite) {
  const arch::Architecture network = Network();
  const arch::NodeIndex norm = *network.FindNode("norm");
  const auto plan = cpu::CpuBackend().Compile(network, {.batch = 9});
  const Examples examples(network, 9, 3);
  ParameterVector parameters = RandomParameters(network, (*plan)->layout(), 5);
  const auto& slot = (*plan)->layout().slot(network.node(norm).operands[2]);
  parameters.slice(slot)[7] = std::numeric_limits<float>::infinity();
  const auto found = (*plan)->FindNonFinite(examples.feed(), parameters);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(*found, Fused(network)[norm].result);
}

INSTANTIATE_TEST_SUITE_P(Networks, PrologueTest,
                         ::testing::Combine(::testing::Values(PrologueCase{"Between", Between, 64},
                                                              PrologueCase{"Residual", Residual,
                                                                           48},
                                                              PrologueCase{"OfInput", OfInput, 64}),
                                            ::testing::Values(1, 3, 5), ::testing::Bool()),
                         [](const auto& info) {
                           return std::get<0>(info.param).name +
                                  std::to_string(std::get<1>(info.param)) +
                                  (std::get<2>(info.param) ? "WithRelu" : "");
                         });

TEST(FusionTest, OnlyOurOwnConvolutionsNormaliseTheirOperandInTraining) {
  if (!cpu::HaveAvx512()) GTEST_SKIP() << "this processor has no AVX-512";
  const auto normalises = [](const arch::Architecture& network, const PlanOptions& options = {}) {
    const std::vector<cpu::FusedChain> chains = Fused(network, options);
    const arch::NodeIndex convolution = chains[*network.FindNode("norm")].prologue_of;
    return convolution >= 0 && network.node(convolution).id == "convolution" &&
           chains[convolution].prologue == *network.FindNode("norm");
  };
  const arch::Architecture plain = Between(Convolution(32, 3));
  EXPECT_TRUE(normalises(plain));
  EXPECT_TRUE(normalises(plain, {.precision = recipe::Precision::kBfloat16}));
  EXPECT_TRUE(normalises(Between(Convolution(32, 1))));
  EXPECT_FALSE(
      normalises(Between(Convolution(32, 1)), {.precision = recipe::Precision::kBfloat16}));
  EXPECT_FALSE(normalises(plain, {.gradients = false}));
  EXPECT_FALSE(normalises(plain, {.exact = true}));
  EXPECT_FALSE(normalises(plain, {.fetch = {*plain.FindNode("relu")}}));
  EXPECT_FALSE(normalises(Between(Convolution(32, 3, {{"strides", std::int64_t{2}}}))));
  EXPECT_FALSE(normalises(Between(Convolution(48, 3, {{"groups", std::int64_t{48}}}))));
  EXPECT_FALSE(
      normalises(Behind({2, 6, 4}, {Layer("relu"), Pool({2, 2}, {2, 2}), Convolution(32, 3)})));
  EXPECT_FALSE(normalises(Behind({2, 6, 4}, {Layer("relu", {}, {}, "relu"), Convolution(5, 3),
                                             Layer("add", {}, {"convolution", "relu"})})));
}

}  // namespace
}  // namespace graft::engine
