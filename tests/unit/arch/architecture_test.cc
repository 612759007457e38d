#include "common/arch/architecture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "common/arch/expand.h"
#include "common/base/field_error.h"

namespace graft::arch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Ints = std::vector<std::int64_t>;

LayerDef Input(std::string id, Ints shape, std::int64_t index = 0) {
  return {std::move(id), "input", {{"shape", std::move(shape)}, {"index", index}}, {}};
}

LayerDef Parameter(std::string id, Ints shape, std::string name = "weight") {
  return {std::move(id),
          "parameter",
          {{"shape", std::move(shape)},
           {"name", std::move(name)},
           {"initializer", std::string("he_normal")}},
          {}};
}

LayerDef Layer(std::string id, std::string op, std::vector<std::string> operands,
               Attributes attributes = {}) {
  return {std::move(id), std::move(op), std::move(attributes), std::move(operands)};
}

// x -> linear -> relu -> add(relu, x)
std::vector<LayerDef> SmallGraph() {
  return {Input("x", {4}), Parameter("w", {4, 4}), Layer("fc", "linear", {"x", "w"}),
          Layer("relu", "relu", {"fc"}), Layer("sum", "add", {"relu", "x"})};
}

std::vector<std::string> Ids(const Architecture& architecture, std::span<const NodeIndex> indices) {
  std::vector<std::string> ids;
  for (const NodeIndex index : indices) ids.push_back(architecture.node(index).id);
  return ids;
}

struct Violation {
  std::string field;
  std::string description;
};

Violation OnlyViolation(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  const auto violations = base::FieldViolations(status);
  EXPECT_EQ(violations.size(), 1u) << status;
  if (violations.empty()) return {};
  return {violations[0].field, violations[0].description};
}

TEST(ArchitectureTest, NodesAreInDepthFirstPostOrder) {
  const auto architecture = Architecture::Create(SmallGraph(), {{"y", "sum"}});
  ASSERT_TRUE(architecture.ok()) << architecture.status();
  std::vector<std::string> ids;
  for (const Node& node : architecture->nodes()) ids.push_back(node.id);
  EXPECT_THAT(ids, ElementsAre("x", "w", "fc", "relu", "sum"));
  EXPECT_THAT(architecture->node(4).operands, ElementsAre(3, 0));
}

TEST(ArchitectureTest, UsersAreListedOncePerUse) {
  std::vector<LayerDef> layers = {Input("x", {4}), Layer("twice", "add", {"x", "x"}),
                                  Layer("sum", "add", {"twice", "x"})};
  const auto architecture = Architecture::Create(layers, {{"y", "sum"}});
  ASSERT_TRUE(architecture.ok()) << architecture.status();
  EXPECT_THAT(Ids(*architecture, architecture->users(0)), ElementsAre("twice", "twice", "sum"));
  EXPECT_TRUE(architecture->users(2).empty());
}

TEST(ArchitectureTest, InputsAreInOrderOfTheirIndex) {
  const auto architecture = Architecture::Create(
      {Input("b", {4}, 1), Input("a", {4}, 0), Layer("sum", "add", {"b", "a"})}, {{"y", "sum"}});
  ASSERT_TRUE(architecture.ok()) << architecture.status();
  EXPECT_THAT(Ids(*architecture, architecture->inputs()), ElementsAre("a", "b"));
}

TEST(ArchitectureTest, TensorNameIsCanonicalIndexAndName) {
  const auto architecture = Architecture::Create(SmallGraph(), {{"y", "sum"}});
  ASSERT_TRUE(architecture.ok()) << architecture.status();
  ASSERT_EQ(architecture->parameters().size(), 1u);
  EXPECT_EQ(architecture->TensorName(architecture->parameters()[0]), "00001.weight");
}

TEST(ArchitectureTest, FindsNodesById) {
  const auto architecture = Architecture::Create(SmallGraph(), {{"y", "sum"}});
  ASSERT_TRUE(architecture.ok()) << architecture.status();
  EXPECT_EQ(architecture->FindNode("relu"), 3);
  EXPECT_EQ(architecture->FindNode("none"), std::nullopt);
}

TEST(ArchitectureTest, CreateOfToLayersIsTheIdentity) {
  const auto architecture = Architecture::Create(SmallGraph(), {{"y", "sum"}, {"z", "fc"}});
  ASSERT_TRUE(architecture.ok()) << architecture.status();
  const auto again = Architecture::Create(architecture->ToLayers(), architecture->ToOutputs());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->fingerprint(), architecture->fingerprint());
  EXPECT_EQ(again->FindNode("relu"), 3);
}

TEST(ArchitectureTest, SharedNodesCountOnce) {
  // Two linear layers with one weight; the second is applied to the first.
  const auto architecture =
      Architecture::Create({Input("x", {4}), Parameter("w", {4, 4}),
                            Layer("a", "linear", {"x", "w"}), Layer("b", "linear", {"a", "w"})},
                           {{"y", "b"}});
  ASSERT_TRUE(architecture.ok()) << architecture.status();
  EXPECT_EQ(architecture->cost().parameters, 16);
  EXPECT_EQ(architecture->cost().macs, 32);
  EXPECT_EQ(architecture->cost().activation_bytes, 3 * 4 * 4);
}

TEST(ArchitectureTest, AppendedOutputsKeepTheIndicesOfEarlierNodes) {
  const auto before = Architecture::Create(SmallGraph(), {{"y", "sum"}});
  std::vector<LayerDef> layers = SmallGraph();
  layers.push_back(Layer("more", "relu", {"sum"}));
  const auto after = Architecture::Create(layers, {{"y", "sum"}, {"z", "more"}});
  ASSERT_TRUE(before.ok() && after.ok());
  for (std::size_t i = 0; i < before->nodes().size(); ++i) {
    EXPECT_EQ(before->nodes()[i].id, after->nodes()[i].id);
  }
}

TEST(ArchitectureTest, AChainOfTheMostLayersNeedsNoDeepStack) {
  Limits limits;
  limits.max_nodes = 200'000;
  std::vector<LayerDef> layers = {Input("x", {1})};
  while (static_cast<int>(layers.size()) < limits.max_nodes) {
    const std::string previous = layers.back().id;
    layers.push_back(Layer("r" + std::to_string(layers.size()), "relu", {previous}));
  }
  const auto architecture = Architecture::Create(layers, {{"y", layers.back().id}}, limits);
  ASSERT_TRUE(architecture.ok()) << architecture.status();
  EXPECT_EQ(architecture->nodes().size(), layers.size());
  EXPECT_EQ(Summary(*architecture), "");
}

struct BadGraph {
  std::string name;
  std::vector<LayerDef> layers;
  std::vector<OutputDef> outputs;
  std::string field;
  std::string description;
};

std::vector<BadGraph> BadGraphs() {
  const std::vector<OutputDef> y = {{"y", "y"}};
  const LayerDef x = Input("x", {4});
  const LayerDef map = Input("x", {2, 5, 5});
  const LayerDef relu = Layer("y", "relu", {"x"});
  return {
      {"NoOutputs", {x, relu}, {}, "outputs", "must be 1 to"},
      {"OutputOfNoLayer", {x, relu}, {{"y", "z"}}, "outputs[0].layer", "no layer \"z\""},
      {"OutputWithoutName", {x, relu}, {{"", "y"}}, "outputs[0].name", "must be 1 to 128"},
      {"TwoOutputsOfOneName",
       {x, relu},
       {{"y", "y"}, {"y", "x"}},
       "outputs[1].name",
       "name of two outputs"},
      {"EmptyId", {Input("", {4})}, y, "layers[0].id", "must be 1 to 128"},
      {"IdWithASpace", {Input("a b", {4})}, y, "layers[0].id", "must be 1 to 128"},
      {"LongId", {Input(std::string(129, 'a'), {4})}, y, "layers[0].id", "must be 1 to 128"},
      {"TwoLayersOfOneId", {x, Layer("x", "relu", {"x"})}, y, "layers[1].id", "two layers"},
      {"UnknownOperator", {x, Layer("y", "rulu", {"x"})}, y, "layers[1].op", "relu"},
      {"UnknownAttribute",
       {x, Layer("y", "relu", {"x"}, {{"slope", 0.1}})},
       y,
       "layers[1].attributes.slope",
       "unknown"},
      {"MissingAttribute",
       {x, Layer("y", "dropout", {"x"})},
       y,
       "layers[1].attributes.rate",
       "missing"},
      {"OperandNotBefore",
       {Layer("y", "relu", {"x"}), x},
       y,
       "layers[0].operands[0]",
       "no layer \"x\" before"},
      {"TooManyOperands",
       {x, Layer("y", "relu", {"x", "x"})},
       y,
       "layers[1].operands",
       "takes the operands x; got 2"},
      {"TooFewOperands",
       {x, Layer("y", "linear", {"x"})},
       y,
       "layers[1].operands",
       "x, weight, bias (optional); got 1"},
      {"DataForAParameter",
       {x, Layer("y", "linear", {"x", "x"})},
       y,
       "layers[1].operands[1]",
       "weight must not be batched"},
      {"ParameterForData",
       {Parameter("w", {4}), Layer("y", "dropout", {"w"}, {{"rate", 0.5}})},
       y,
       "layers[1].operands[0]",
       "x must be batched"},
      {"ParameterOfAnotherShape",
       {x, Parameter("w", {3, 5}), Layer("y", "linear", {"x", "w"})},
       y,
       "layers[2]",
       "[O,4], got float32[3,5]"},
      {"ParameterWithABadName",
       {Parameter("y", {3}, "a/b")},
       y,
       "layers[0].attributes.name",
       "letters"},
      {"ShapeOfTooHighARank", {Input("y", Ints(9, 1))}, y, "layers[0].attributes.shape", "8"},
      {"PoolBelowOneByOne",
       {map, Layer("y", "max_pool", {"x"}, {{"kernel", std::int64_t{6}}})},
       y,
       "layers[1]",
       "below 1x1"},
      {"PaddingAsWideAsTheKernel",
       {map,
        Layer("y", "max_pool", {"x"}, {{"kernel", std::int64_t{2}}, {"padding", std::int64_t{2}}})},
       y,
       "layers[1]",
       "smaller than the kernel"},
      {"AdditionOfDifferentShapes",
       {x, Input("z", {5}, 1), Layer("y", "add", {"x", "z"})},
       y,
       "layers[2]",
       "x[1] is float32[N,5] but x[0] is float32[N,4]"},
      {"ConcatenationOfOne", {x, Layer("y", "concat", {"x"})}, y, "layers[1]", "at least two"},
      {"ConcatenationOfDifferentSizes",
       {map, Input("z", {2, 5, 4}, 1), Layer("y", "concat", {"x", "z"})},
       y,
       "layers[2]",
       "all but the channels"},
      {"LabelsOfAnotherType",
       {x, Input("z", {}, 1), Layer("y", "softmax_cross_entropy", {"x", "z"})},
       y,
       "layers[2]",
       "labels must be int32[N]"},
      {"DeadLayer", {x, relu, Layer("z", "relu", {"x"})}, y, "layers[2]", "no output depends"},
      {"InputIndexTwice",
       {x, Input("z", {4}, 0), Layer("y", "add", {"x", "z"})},
       y,
       "layers[1].attributes.index",
       "each once"},
      {"InputIndexWithAGap", {Input("x", {4}, 1), relu}, y, "layers[0].attributes.index", "got 1"},
  };
}

class BadGraphTest : public testing::TestWithParam<BadGraph> {};

TEST_P(BadGraphTest, IsRejectedWithItsField) {
  const BadGraph& bad = GetParam();
  const auto architecture = Architecture::Create(bad.layers, bad.outputs);
  const Violation violation = OnlyViolation(architecture.status());
  EXPECT_EQ(violation.field, bad.field);
  EXPECT_THAT(violation.description, HasSubstr(bad.description));
}

INSTANTIATE_TEST_SUITE_P(Graphs, BadGraphTest, testing::ValuesIn(BadGraphs()),
                         [](const auto& test) { return test.param.name; });

TEST(ArchitectureLimitsTest, NodesAreBounded) {
  const auto architecture =
      Architecture::Create(SmallGraph(), {{"y", "sum"}}, Limits{.max_nodes = 4});
  EXPECT_EQ(OnlyViolation(architecture.status()).field, "layers[4]");
}

TEST(ArchitectureLimitsTest, ParametersAreBoundedInAll) {
  EXPECT_TRUE(Architecture::Create(SmallGraph(), {{"y", "sum"}}, {.max_parameters = 16}).ok());
  const auto architecture =
      Architecture::Create(SmallGraph(), {{"y", "sum"}}, Limits{.max_parameters = 15});
  EXPECT_EQ(OnlyViolation(architecture.status()).field, "layers[1]");
}

TEST(ArchitectureLimitsTest, ValuesAreBounded) {
  const auto architecture =
      Architecture::Create(SmallGraph(), {{"y", "sum"}}, Limits{.max_value_elements = 3});
  EXPECT_EQ(OnlyViolation(architecture.status()).field, "layers[0]");
}

TEST(ArchitectureLimitsTest, AHugeGraphIsRefusedNotComputed) {
  const Ints huge = {std::int64_t{1} << 40, std::int64_t{1} << 40};
  const auto architecture = Architecture::Create({Input("y", huge)}, {{"y", "y"}});
  EXPECT_EQ(OnlyViolation(architecture.status()).field, "layers[0].attributes.shape");
}

}  // namespace
}  // namespace graft::arch
