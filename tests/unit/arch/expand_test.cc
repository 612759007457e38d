#include "common/arch/expand.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/field_error.h"

namespace graft::arch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Ints = std::vector<std::int64_t>;

const ExpandOptions kOptions = {.input_shape = {3, 8, 7}};

LayerDef Short(std::string op, Attributes attributes = {}, std::vector<std::string> operands = {},
               std::string id = "") {
  return {std::move(id), std::move(op), std::move(attributes), std::move(operands)};
}

std::vector<std::string> Ids(const Architecture& architecture) {
  std::vector<std::string> ids;
  for (const Node& node : architecture.nodes()) ids.push_back(node.id);
  return ids;
}

const Node& NodeOf(const Architecture& architecture, std::string_view id) {
  const auto index = architecture.FindNode(id);
  EXPECT_TRUE(index.has_value()) << id;
  return architecture.node(index.value_or(0));
}

TEST(ExpandTest, FillsInInputIdsOperandsParametersAndOutput) {
  const auto architecture =
      Expand({Short("convolution",
                    {{"filters", std::int64_t{4}}, {"kernel", std::int64_t{3}}, {"bias", true}}),
              Short("relu"), Short("flatten"), Short("linear", {{"units", std::int64_t{5}}})},
             {}, kOptions);
  ASSERT_TRUE(architecture.ok()) << architecture.status();
  EXPECT_THAT(Ids(*architecture),
              ElementsAre("input", "convolution_1.weight", "convolution_1.bias", "convolution_1",
                          "relu_1", "flatten_1", "linear_1.weight", "linear_1.bias", "linear_1"));
  EXPECT_EQ(architecture->outputs()[0].name, "logits");
  EXPECT_EQ(architecture->node(architecture->outputs()[0].node).id, "linear_1");
  EXPECT_EQ(NodeOf(*architecture, "convolution_1").type.shape, (tensor::Shape{4, 8, 7}));
  EXPECT_EQ(NodeOf(*architecture, "convolution_1.weight").type.shape, (tensor::Shape{4, 3, 3, 3}));
}

TEST(ExpandTest, GivenIdsAreKeptAndGeneratedOnesAvoidThem) {
  const auto architecture =
      Expand({Short("relu"), Short("relu", {}, {}, "relu_1"), Short("relu")}, {}, kOptions);
  ASSERT_TRUE(architecture.ok()) << architecture.status();
  EXPECT_THAT(Ids(*architecture), ElementsAre("input", "relu_2", "relu_1", "relu_3"));
}

TEST(ExpandTest, DefaultPaddingKeepsTheSizeOfAnyKernelAtStrideOne) {
  for (std::int64_t height = 1; height <= 6; ++height) {
    for (std::int64_t width = 1; width <= 6; ++width) {
      const auto architecture = Expand(
          {Short("convolution", {{"filters", std::int64_t{2}}, {"kernel", Ints{height, width}}})},
          {}, kOptions);
      ASSERT_TRUE(architecture.ok()) << architecture.status();
      EXPECT_EQ(NodeOf(*architecture, "convolution_1").type.shape, (tensor::Shape{2, 8, 7}));
    }
  }
}

TEST(ExpandTest, GivenPaddingAndStridesAreKept) {
  const auto architecture = Expand({Short("convolution", {{"filters", std::int64_t{2}},
                                                          {"kernel", std::int64_t{3}},
                                                          {"padding", std::int64_t{0}},
                                                          {"strides", Ints{2, 1}}})},
                                   {}, kOptions);
  ASSERT_TRUE(architecture.ok()) << architecture.status();
  EXPECT_EQ(NodeOf(*architecture, "convolution_1").type.shape, (tensor::Shape{2, 3, 5}));
}

TEST(ExpandTest, ConvolutionHasNoBiasAndLinearHasOneUnlessTold) {
  const auto architecture =
      Expand({Short("convolution", {{"filters", std::int64_t{2}}, {"kernel", std::int64_t{1}}}),
              Short("global_average_pool"), Short("linear", {{"units", std::int64_t{2}}}),
              Short("linear", {{"units", std::int64_t{2}}, {"bias", false}})},
             {}, kOptions);
  ASSERT_TRUE(architecture.ok()) << architecture.status();
  EXPECT_EQ(NodeOf(*architecture, "convolution_1").operands.size(), 2u);
  EXPECT_EQ(NodeOf(*architecture, "linear_1").operands.size(), 3u);
  EXPECT_EQ(NodeOf(*architecture, "linear_2").operands.size(), 2u);
}

TEST(ExpandTest, BatchNormStatisticsAreNotTrainable) {
  const auto architecture = Expand({Short("batch_norm", {}, {}, "bn")}, {}, kOptions);
  ASSERT_TRUE(architecture.ok()) << architecture.status();
  const auto trainable = [&](std::string_view id) {
    return GetBool(NodeOf(*architecture, id).attributes, "trainable");
  };
  EXPECT_TRUE(trainable("bn.scale") && trainable("bn.shift"));
  EXPECT_FALSE(trainable("bn.mean") || trainable("bn.variance"));
  EXPECT_EQ(GetString(NodeOf(*architecture, "bn.variance").attributes, "initializer"), "ones");
  EXPECT_EQ(architecture->cost().parameters, 6);
  EXPECT_EQ(architecture->cost().statistics, 6);
}

TEST(ExpandTest, AFullFormIsLeftAsItIs) {
  const auto first =
      Expand({Short("convolution", {{"filters", std::int64_t{4}}, {"kernel", std::int64_t{3}}}),
              Short("batch_norm"), Short("flatten"), Short("linear", {{"units", std::int64_t{5}}})},
             {}, kOptions);
  ASSERT_TRUE(first.ok()) << first.status();
  const auto again = Expand(first->ToLayers(), first->ToOutputs(), {});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->fingerprint(), first->fingerprint());
  EXPECT_EQ(Ids(*again), Ids(*first));
}

TEST(ExpandTest, AParameterMayBeShared) {
  const auto architecture =
      Expand({Short("input", {{"shape", Ints{4}}}),
              Short("linear", {{"units", std::int64_t{4}}, {"bias", false}}, {}, "a"),
              Short("linear", {}, {"a", "a.weight"}, "b")},
             {}, {});
  ASSERT_TRUE(architecture.ok()) << architecture.status();
  EXPECT_EQ(architecture->parameters().size(), 1u);
}

struct BadShortForm {
  std::string name;
  std::vector<LayerDef> layers;
  std::string field;
  std::string description;
};

class BadShortFormTest : public testing::TestWithParam<BadShortForm> {};

TEST_P(BadShortFormTest, IsRejectedWithTheFieldThatTheUserWrote) {
  const auto architecture = Expand(GetParam().layers, {}, kOptions);
  const auto violations = base::FieldViolations(architecture.status());
  ASSERT_EQ(violations.size(), 1u) << architecture.status();
  EXPECT_EQ(violations[0].field, GetParam().field);
  EXPECT_THAT(violations[0].description, HasSubstr(GetParam().description));
}

INSTANTIATE_TEST_SUITE_P(
    Layers, BadShortFormTest,
    testing::Values(
        BadShortForm{"NoLayers", {}, "layers", "at least one"},
        BadShortForm{"UnknownOperator", {Short("conv")}, "layers[0].op", "convolution"},
        BadShortForm{"MissingFilters",
                     {Short("relu"), Short("convolution", {{"kernel", std::int64_t{3}}})},
                     "layers[1].attributes.filters",
                     "missing"},
        BadShortForm{"UnknownAttribute",
                     {Short("batch_norm"), Short("convolution", {{"filters", std::int64_t{3}},
                                                                 {"kernel", std::int64_t{3}},
                                                                 {"stride", std::int64_t{2}}})},
                     "layers[1].attributes.stride",
                     "unknown"},
        BadShortForm{"LinearOfAPicture",
                     {Short("linear", {{"units", std::int64_t{3}}})},
                     "layers[0]",
                     "x must be float32 of shape [F]"},
        BadShortForm{"PoolThatDoesNotFit",
                     {Short("batch_norm"), Short("max_pool", {{"kernel", std::int64_t{4}}}),
                      Short("max_pool", {{"kernel", std::int64_t{2}}})},
                     "layers[2]",
                     "below 1x1"},
        BadShortForm{"UnknownOperand",
                     {Short("batch_norm", {}, {"nothing"})},
                     "layers[0].operands[0]",
                     "nothing"},
        BadShortForm{"DeadLayer",
                     {Short("batch_norm"), Short("relu"), Short("relu", {}, {"batch_norm_1"})},
                     "layers[1]",
                     "no output depends"},
        BadShortForm{"FirstLayerWithoutOperand",
                     {Short("relu"), Short("input", {{"shape", Ints{4}}})},
                     "layers[0].operands",
                     "no layer before"}),
    [](const auto& test) { return test.param.name; });

TEST(ExpandTest, LimitsAreKept) {
  const std::vector<LayerDef> layers = {
      Short("convolution", {{"filters", std::int64_t{1000}}, {"kernel", std::int64_t{3}}})};
  EXPECT_TRUE(Expand(layers, {}, kOptions, Limits{.max_parameters = 27000}).ok());
  EXPECT_FALSE(Expand(layers, {}, kOptions, Limits{.max_parameters = 26999}).ok());
  EXPECT_FALSE(Expand(layers, {}, kOptions, Limits{.max_nodes = 2}).ok());
}

}  // namespace
}  // namespace graft::arch
