#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/arch/architecture.h"
#include "common/arch/expand.h"

namespace graft::arch {
namespace {

using Ints = std::vector<std::int64_t>;

Architecture MustExpand(const std::vector<LayerDef>& layers) {
  auto architecture = Expand(layers, {}, {.input_shape = {1, 8, 8}});
  EXPECT_TRUE(architecture.ok()) << architecture.status();
  return *std::move(architecture);
}

LayerDef Conv(std::string id, std::int64_t filters, AttributeValue kernel,
              std::vector<std::string> operands = {}) {
  return {std::move(id),
          "convolution",
          {{"filters", filters}, {"kernel", std::move(kernel)}},
          std::move(operands)};
}

const std::int64_t k1 = 1;
const std::int64_t k3 = 3;

TEST(SummaryTest, ChainIsItsLayers) {
  EXPECT_EQ(
      Summary(MustExpand(
          {Conv("a", 4, k3),
           {"", "batch_norm", {}, {}},
           {"", "relu", {}, {}},
           {"", "max_pool", {{"kernel", std::int64_t{2}}}, {}},
           Conv("b", 8, Ints{3, 1}),
           {"", "average_pool", {{"kernel", std::int64_t{3}}, {"strides", std::int64_t{1}}}, {}},
           {"", "global_average_pool", {}, {}},
           {"", "linear", {{"units", std::int64_t{10}}}, {}}})),
      "C4k3-P-C8k3x1-A3s1-GAP-F10");
}

TEST(SummaryTest, GroupsDilationAndTokensAreShown) {
  LayerDef depthwise = Conv("b", 4, k3);
  depthwise.attributes["groups"] = std::int64_t{4};
  LayerDef dilated = Conv("c", 6, k3);
  dilated.attributes["dilation"] = std::int64_t{2};
  EXPECT_EQ(Summary(MustExpand({Conv("a", 4, k1),
                                {"", "layer_norm", {}, {}},
                                depthwise,
                                {"", "gelu", {}, {}},
                                dilated,
                                {"", "tokens", {}, {}},
                                {"", "linear", {{"units", std::int64_t{5}}}, {}}})),
            "C4k1-C4k3g4-C6k3d2-F5");
}

TEST(SummaryTest, BranchesAreInBrackets) {
  EXPECT_EQ(Summary(MustExpand({Conv("a", 4, k3),
                                Conv("b", 4, k3),
                                Conv("c", 4, k1),
                                {"sum", "add", {}, {"c", "a"}},
                                Conv("d", 2, k1, {"sum"}),
                                Conv("e", 3, k3, {"sum"}),
                                {"cat", "concat", {}, {"d", "e"}},
                                {"", "global_max_pool", {}, {}}})),
            "C4k3-[C4k3-C4k1|]add-[C2k1|C3k3]cat-GMP");
}

TEST(SummaryTest, ALayerWrittenBeforeIsItsId) {
  // b is on two of the three ways from a to the sum: no nesting of brackets says so.
  EXPECT_EQ(Summary(MustExpand({Conv("a", 4, k3),
                                Conv("b", 4, k3, {"a"}),
                                Conv("c", 4, k1, {"b"}),
                                {"sum", "add", {}, {"a", "b", "c"}}})),
            "C4k3-[|C4k3|@b-C4k1]add");
}

TEST(SummaryTest, DenseBranchesStayShort) {
  std::vector<LayerDef> layers = {Conv("c0", 2, k1)};
  std::vector<std::string> before = {"c0"};
  for (int i = 1; i < 60; ++i) {
    const std::string cat = "cat" + std::to_string(i);
    const std::string conv = "c" + std::to_string(i);
    std::vector<std::string> operands = before;
    if (operands.size() == 1) operands.push_back("c0");
    layers.push_back({cat, "concat", {}, operands});
    layers.push_back(Conv(conv, 2, k1, {cat}));
    before.push_back(conv);
  }
  EXPECT_LT(Summary(MustExpand(layers)).size(), 60u * 60u * 8u);
}

TEST(RenderTest, HasOneLineALayerAndTheCost) {
  EXPECT_EQ(Render(MustExpand({Conv("conv", 4, k3),
                               {"pool", "global_average_pool", {}, {}},
                               {"fc", "linear", {{"units", std::int64_t{10}}}, {}}})),
            "input  input                float32[N,1,8,8]  (batched=true, dtype=float32, index=0, "
            "shape=[1,8,8])\n"
            "conv   convolution          float32[N,4,8,8]  input weight[4,1,3,3]  "
            "(padding=[1,1,1,1], strides=[1,1])\n"
            "pool   global_average_pool  float32[N,4]      conv\n"
            "fc     linear               float32[N,10]     pool weight[10,4] bias[10]\n"
            "output logits = fc\n"
            "86 parameters, 0 statistics, 2344 MACs, 1336 activation bytes an example\n");
}

}  // namespace
}  // namespace graft::arch
