// What a change of width means for each kind of operator, by hand-computed maps.
#include "common/transform/channel_propagation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/transform/test_network.h"

namespace graft::transform {
namespace {

using arch::Architecture;
using arch::LayerDef;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MakeArchitecture;

// Two channels to three: channel 0 has two copies.
const ChannelMap kTwoToThree = {{0, 1, 0}, {0.25F, 1, 0.75F}};

LayerDef Conv(std::string id, std::int64_t filters, std::vector<std::string> operands = {}) {
  return {std::move(id),
          "convolution",
          {{"filters", filters}, {"kernel", std::int64_t{1}}},
          std::move(operands)};
}
LayerDef Linear(std::string id, std::int64_t units) {
  return {std::move(id), "linear", {{"units", units}}, {}};
}
LayerDef Layer(std::string op, std::vector<std::string> operands = {}) {
  return {op, op, {}, std::move(operands)};
}

absl::StatusOr<Transformed> Propagate(const Architecture& parent, const std::string& producer,
                                      const ChannelMap& map) {
  const ChannelChange change = {parent.FindNode(producer).value(), map};
  return PropagateChannels(parent, {&change, 1});
}

// The rule's map of one axis of a parameter; absent if the axis stays as it is.
std::optional<AxisMap> AxisOf(const Transformed& transformed, const std::string& id, int axis) {
  for (size_t i = 0; i < transformed.rules.size(); ++i) {
    if (transformed.child.node(transformed.child.parameters()[i]).id != id) continue;
    for (const AxisMap& map : std::get<FromParent>(transformed.rules[i]).axes) {
      if (map.axis == axis) return map;
    }
    return std::nullopt;
  }
  ADD_FAILURE() << "no parameter " << id;
  return std::nullopt;
}

void ExpectIndexed(const Transformed& transformed, const std::string& id, int axis,
                   const std::vector<int>& source) {
  const std::optional<AxisMap> map = AxisOf(transformed, id, axis);
  ASSERT_TRUE(map.has_value()) << id;
  EXPECT_EQ(map->source, source) << id;
  EXPECT_THAT(map->share, IsEmpty()) << id << " is divided";
}

void ExpectShared(const Transformed& transformed, const std::string& id, int axis,
                  const ChannelMap& expected) {
  const std::optional<AxisMap> map = AxisOf(transformed, id, axis);
  ASSERT_TRUE(map.has_value()) << id;
  EXPECT_EQ(map->source, expected.source) << id;
  EXPECT_EQ(map->share, expected.share) << id;
}

void ExpectRefused(const absl::StatusOr<Transformed>& result, const std::string& reason) {
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr(reason));
}

TEST(ChannelPropagationTest, ProducerAndBatchNormAreIndexedAndConsumerIsShared) {
  const Architecture parent = MakeArchitecture({Conv("a", 2), Layer("batch_norm"), Layer("relu"),
                                                Conv("b", 2), Layer("global_average_pool")},
                                               {3, 2, 2});
  const auto result = Propagate(parent, "a", kTwoToThree);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->preservation, Preservation::kExact);
  ExpectIndexed(*result, "a.weight", 0, {0, 1, 0});
  EXPECT_FALSE(AxisOf(*result, "a.weight", 1).has_value());
  for (const char* parameter : {"scale", "shift", "mean", "variance"}) {
    ExpectIndexed(*result, std::string("batch_norm.") + parameter, 0, {0, 1, 0});
  }
  ExpectShared(*result, "b.weight", 1, kTwoToThree);
  EXPECT_FALSE(AxisOf(*result, "b.weight", 0).has_value());
  EXPECT_EQ(result->child.node(*result->child.FindNode("b")).type.shape.dim(0), 2);
}

TEST(ChannelPropagationTest, IdsOutputsAndOrderStay) {
  const Architecture parent = testing::DemoStart();
  const auto result = Propagate(parent, "conv2", {{0, 1, 2, 3, 3}, {1, 1, 1, 0.5F, 0.5F}});
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->child.nodes().size(), parent.nodes().size());
  for (size_t i = 0; i < parent.nodes().size(); ++i) {
    EXPECT_EQ(result->child.nodes()[i].id, parent.nodes()[i].id);
  }
  EXPECT_EQ(result->child.outputs()[0].name, "logits");
}

TEST(ChannelPropagationTest, FlattenTurnsEachChannelIntoARun) {
  const Architecture parent =
      MakeArchitecture({Conv("a", 2), Layer("flatten"), Linear("b", 2)}, {1, 1, 2});
  const auto result = Propagate(parent, "a", kTwoToThree);
  ASSERT_TRUE(result.ok()) << result.status();
  ExpectShared(*result, "b.weight", 1, {{0, 1, 2, 3, 0, 1}, {0.25F, 0.25F, 1, 1, 0.75F, 0.75F}});
}

TEST(ChannelPropagationTest, ConcatKeepsTheOtherOperandsInPlace) {
  const Architecture parent = MakeArchitecture(
      {Conv("x", 1), Conv("a", 2, {"x"}), Conv("b", 2, {"x"}), Layer("concat", {"x", "a", "b"}),
       Layer("batch_norm"), Conv("c", 1), Layer("global_average_pool")},
      {1, 2, 2});
  const auto result = Propagate(parent, "a", kTwoToThree);
  ASSERT_TRUE(result.ok()) << result.status();
  const ChannelMap expected = {{0, 1, 2, 1, 3, 4}, {1, 0.25F, 1, 0.75F, 1, 1}};
  ExpectIndexed(*result, "batch_norm.scale", 0, expected.source);
  ExpectShared(*result, "c.weight", 1, expected);
  EXPECT_FALSE(AxisOf(*result, "b.weight", 0).has_value());
}

TEST(ChannelPropagationTest, ConcatOfOneValueTwiceRepeatsItsMap) {
  const Architecture parent = MakeArchitecture(
      {Conv("a", 2), Layer("concat", {"a", "a"}), Conv("b", 1), Layer("global_average_pool")},
      {1, 2, 2});
  const auto result = Propagate(parent, "a", kTwoToThree);
  ASSERT_TRUE(result.ok()) << result.status();
  ExpectShared(*result, "b.weight", 1, {{0, 1, 0, 2, 3, 2}, {0.25F, 1, 0.75F, 0.25F, 1, 0.75F}});
}

// a -> b -> (+ a) -> c -> (+) -> d: one residual trunk.
Architecture ResidualTrunk() {
  return MakeArchitecture({Conv("a", 2),
                           Conv("b", 2),
                           {"add1", "add", {}, {"a", "b"}},
                           Conv("c", 2),
                           {"add2", "add", {}, {"add1", "c"}},
                           Conv("d", 1),
                           Layer("global_average_pool")},
                          {1, 2, 2});
}

TEST(ChannelPropagationTest, AddedValuesWidenTogetherWhicheverIsAsked) {
  for (const char* producer : {"a", "b", "c"}) {
    const auto result = Propagate(ResidualTrunk(), producer, kTwoToThree);
    ASSERT_TRUE(result.ok()) << result.status();
    for (const char* joined : {"a.weight", "b.weight", "c.weight"}) {
      ExpectIndexed(*result, joined, 0, {0, 1, 0});
    }
    for (const char* consumer : {"b.weight", "c.weight", "d.weight"}) {
      ExpectShared(*result, consumer, 1, kTwoToThree);
    }
  }
}

TEST(ChannelPropagationTest, JoinWalksBackThroughPassingLayers) {
  const Architecture parent = MakeArchitecture({Conv("a", 2),
                                                Conv("b", 2, {"input"}),
                                                {"bn", "batch_norm", {}, {"b"}},
                                                {"relu", "relu", {}, {"bn"}},
                                                {"add", "add", {}, {"a", "relu"}},
                                                Conv("c", 1),
                                                Layer("global_average_pool")},
                                               {1, 2, 2});
  const auto result = Propagate(parent, "a", kTwoToThree);
  ASSERT_TRUE(result.ok()) << result.status();
  ExpectIndexed(*result, "b.weight", 0, {0, 1, 0});
  ExpectIndexed(*result, "bn.shift", 0, {0, 1, 0});
}

TEST(ChannelPropagationTest, ValueAddedToAConcatenationTakesItsMap) {
  const Architecture parent = MakeArchitecture(
      {Conv("a", 2), Conv("b", 1, {"input"}), Layer("concat", {"a", "b"}), Conv("x", 3, {"input"}),
       Layer("add", {"concat", "x"}), Layer("global_average_pool"), Linear("c", 2)},
      {1, 2, 2});
  const auto result = Propagate(parent, "a", kTwoToThree);
  ASSERT_TRUE(result.ok()) << result.status();
  ExpectIndexed(*result, "x.weight", 0, {0, 1, 0, 2});
  EXPECT_FALSE(AxisOf(*result, "b.weight", 0).has_value());

  // The other way round: a map splits at the operands' borders or is refused.
  const auto splits = Propagate(parent, "x", {{0, 1, 1, 2}, {1, 0.5F, 0.5F, 1}});
  ASSERT_TRUE(splits.ok()) << splits.status();
  ExpectIndexed(*splits, "a.weight", 0, {0, 1, 1});
  ExpectRefused(Propagate(parent, "x", {{0, 1, 2, 0}, {0.5F, 1, 1, 0.5F}}),
                "concat can only be widened within each of its operands");
}

TEST(ChannelPropagationTest, ValueAddedToAFlattenWidensInRunsOnly) {
  const Architecture parent =
      MakeArchitecture({Conv("a", 2),
                        Layer("flatten"),
                        {"b", "linear", {{"units", std::int64_t{4}}}, {"flatten"}},
                        Layer("add", {"flatten", "b"}),
                        Linear("c", 2)},
                       {1, 1, 2});
  const auto result = Propagate(parent, "a", kTwoToThree);
  ASSERT_TRUE(result.ok()) << result.status();
  ExpectIndexed(*result, "b.weight", 0, {0, 1, 2, 3, 0, 1});
  ExpectRefused(Propagate(parent, "b", {{0, 1, 2, 3, 0, 2}, {0.5F, 1, 0.5F, 1, 0.5F, 0.5F}}),
                "flatten can only be widened in runs of 2");
}

TEST(ChannelPropagationTest, TwoChangesMeetInOneWeight) {
  const Architecture parent = MakeArchitecture(
      {Conv("a", 2), Conv("b", 2), Conv("c", 1), Layer("global_average_pool")}, {1, 2, 2});
  const ChannelMap other = {{0, 1, 1}, {1, 0.5F, 0.5F}};
  const std::vector<ChannelChange> changes = {{*parent.FindNode("a"), kTwoToThree},
                                              {*parent.FindNode("b"), other}};
  const auto result = PropagateChannels(parent, changes);
  ASSERT_TRUE(result.ok()) << result.status();
  ExpectIndexed(*result, "b.weight", 0, other.source);
  ExpectShared(*result, "b.weight", 1, kTwoToThree);
  EXPECT_EQ(result->child.node(*result->child.FindNode("b.weight")).type.shape,
            (tensor::Shape{3, 3, 1, 1}));
}

// Two towers with one weight, each with its own consumer.
Architecture TiedTowers() {
  const auto tied = [](std::string id, std::string x) {
    return LayerDef{std::move(id), "convolution", {}, {std::move(x), "shared"}};
  };
  return MakeArchitecture({{"shared",
                            "parameter",
                            {{"name", std::string("weight")},
                             {"shape", std::vector<std::int64_t>{2, 1, 1, 1}},
                             {"initializer", std::string("he_normal")}},
                            {}},
                           Conv("x", 1, {"input"}),
                           tied("left", "input"),
                           tied("right", "x"),
                           Conv("a", 1, {"left"}),
                           Conv("b", 1, {"right"}),
                           Layer("add", {"a", "b"}),
                           Layer("global_average_pool")},
                          {1, 2, 2}, {});
}

std::vector<LayerDef> WithInput(std::vector<LayerDef> layers) {
  layers.insert(layers.begin(),
                {"input", "input", {{"shape", std::vector<std::int64_t>{1, 2, 2}}}, {}});
  return layers;
}

TEST(ChannelPropagationTest, LayersThatShareAWeightWidenTogether) {
  const auto result = Propagate(TiedTowers(), "left", kTwoToThree);
  ASSERT_TRUE(result.ok()) << result.status();
  ExpectIndexed(*result, "shared", 0, {0, 1, 0});
  ExpectShared(*result, "a.weight", 1, kTwoToThree);
  ExpectShared(*result, "b.weight", 1, kTwoToThree);
}

TEST(ChannelPropagationTest, WidthThatSharedWeightsFixIsRefused) {
  // `left` reads the input: the shared weight's input channels can not change, so x can not either.
  ExpectRefused(Propagate(TiedTowers(), "x", {{0, 0}, {0.5F, 0.5F}}),
                "input is fixed: it is an input of the architecture");
}

TEST(ChannelPropagationTest, ComputedWeightsAreRefused) {
  const auto parameter = [](std::string id) {
    return LayerDef{std::move(id),
                    "parameter",
                    {{"name", std::string("weight")},
                     {"shape", std::vector<std::int64_t>{2}},
                     {"initializer", std::string("ones")}},
                    {}};
  };
  // A second input that is not batched stands for weights that another network makes.
  const Architecture parent =
      MakeArchitecture(WithInput({{"made",
                                   "input",
                                   {{"index", std::int64_t{1}},
                                    {"shape", std::vector<std::int64_t>{2, 1, 1, 1}},
                                    {"batched", false}},
                                   {}},
                                  parameter("bias"),
                                  {"a", "convolution", {}, {"input", "made", "bias"}},
                                  Conv("b", 1),
                                  Layer("global_average_pool")}),
                       {});
  ExpectRefused(Propagate(parent, "a", kTwoToThree), "the weights made are computed");
}

LayerDef Grouped(std::string id, std::int64_t filters, std::int64_t groups) {
  LayerDef layer = Conv(std::move(id), filters);
  layer.attributes["groups"] = groups;
  layer.attributes["bias"] = true;
  return layer;
}

TEST(ChannelPropagationTest, DepthwiseConvolutionPassesAndItsGroupsFollow) {
  const Architecture parent = MakeArchitecture(
      {Conv("a", 2), Grouped("depthwise", 2, 2), Conv("b", 1), Layer("global_average_pool")},
      {1, 2, 2});
  const auto transformed = Propagate(parent, "a", kTwoToThree);
  ASSERT_TRUE(transformed.ok()) << transformed.status();
  ExpectIndexed(*transformed, "depthwise.weight", 0, kTwoToThree.source);
  ExpectIndexed(*transformed, "depthwise.bias", 0, kTwoToThree.source);
  ExpectShared(*transformed, "b.weight", 1, kTwoToThree);
  const Architecture& child = transformed->child;
  EXPECT_EQ(arch::GetInt(child.node(*child.FindNode("depthwise")).attributes, "groups"), 3);
}

TEST(ChannelPropagationTest, GroupsOfSeveralChannelsAreABarrier) {
  const Architecture parent = MakeArchitecture(
      {Conv("a", 4), Grouped("grouped", 4, 2), Conv("b", 1), Layer("global_average_pool")},
      {1, 2, 2});
  ExpectRefused(Propagate(parent, "a", {{0, 1, 2, 3, 0}, {0.5F, 1, 1, 1, 0.5F}}),
                "cannot widen through grouped (convolution): its channels are in groups");
}

// A learnt scale and a gate both widen with the value that they multiply.
TEST(ChannelPropagationTest, FactorsOfAProductWidenTogether) {
  const Architecture parent =
      MakeArchitecture(WithInput({{"gamma",
                                   "parameter",
                                   {{"name", std::string("gamma")},
                                    {"shape", std::vector<std::int64_t>{2}},
                                    {"initializer", std::string("ones")}},
                                   {}},
                                  Conv("a", 2, {"input"}),
                                  {"pool", "global_average_pool", {}, {"a"}},
                                  {"gate", "linear", {{"units", std::int64_t{2}}}, {"pool"}},
                                  {"scaled", "multiply", {}, {"a", "gate", "gamma"}},
                                  Conv("b", 1),
                                  Layer("global_average_pool")}),
                       {});
  const auto transformed = Propagate(parent, "a", kTwoToThree);
  ASSERT_TRUE(transformed.ok()) << transformed.status();
  ExpectIndexed(*transformed, "gamma", 0, kTwoToThree.source);
  ExpectIndexed(*transformed, "gate.weight", 0, kTwoToThree.source);
  ExpectShared(*transformed, "gate.weight", 1, kTwoToThree);
  ExpectShared(*transformed, "b.weight", 1, kTwoToThree);
}

TEST(ChannelPropagationTest, TokensHaveTheirChannelsLast) {
  const Architecture parent = MakeArchitecture(
      {Conv("a", 2),
       Layer("tokens"),
       Linear("b", 3),
       Layer("gelu"),
       {"map", "feature_map", {{"height", std::int64_t{2}}, {"width", std::int64_t{2}}}, {}},
       Conv("c", 1),
       Layer("global_average_pool")},
      {1, 2, 2});
  const auto transformed = Propagate(parent, "a", kTwoToThree);
  ASSERT_TRUE(transformed.ok()) << transformed.status();
  ExpectShared(*transformed, "b.weight", 1, kTwoToThree);
  const auto second = Propagate(parent, "b", {{0, 1, 2, 1}, {1, 0.5F, 1, 0.5F}});
  ASSERT_TRUE(second.ok()) << second.status();
  ExpectShared(*second, "c.weight", 1, {{0, 1, 2, 1}, {1, 0.5F, 1, 0.5F}});
}

TEST(ChannelPropagationTest, LayerNormIsABarrierWithAReason) {
  const Architecture parent = MakeArchitecture(
      {Conv("a", 2), Layer("layer_norm"), Conv("b", 1), Layer("global_average_pool")}, {1, 2, 2});
  ExpectRefused(Propagate(parent, "a", kTwoToThree),
                "cannot widen through layer_norm (layer_norm): it normalises over its channels");
}

TEST(ChannelPropagationTest, OutputOfTheArchitectureIsFixed) {
  const Architecture parent =
      MakeArchitecture({Conv("a", 2), Layer("global_average_pool")}, {1, 2, 2});
  ExpectRefused(Propagate(parent, "a", kTwoToThree),
                "the width of global_average_pool is fixed: it is the output logits");
}

TEST(ChannelPropagationTest, ValueAddedToTheInputIsFixed) {
  const Architecture parent = MakeArchitecture(
      {Conv("a", 2), Layer("add", {"input", "a"}), Conv("b", 1), Layer("global_average_pool")},
      {2, 2, 2});
  ExpectRefused(Propagate(parent, "a", kTwoToThree),
                "the width of input is fixed: it is an input of the architecture");
}

TEST(ChannelPropagationTest, BarrierIsNamed) {
  const Architecture parent = MakeArchitecture(
      WithInput({{"labels",
                  "input",
                  {{"index", std::int64_t{1}},
                   {"shape", std::vector<std::int64_t>{}},
                   {"dtype", std::string("int32")}},
                  {}},
                 {"a",
                  "convolution",
                  {{"filters", std::int64_t{2}}, {"kernel", std::int64_t{1}}},
                  {"input"}},
                 Layer("global_average_pool"),
                 {"loss", "softmax_cross_entropy", {}, {"global_average_pool", "labels"}}}),
      {}, {{"loss", "loss"}});
  ExpectRefused(Propagate(parent, "a", kTwoToThree),
                "cannot widen through loss (softmax_cross_entropy)");
}

TEST(ChannelPropagationTest, OnlyLayersWithOwnChannelsBeginAChange) {
  const Architecture parent = testing::DemoStart();
  ExpectRefused(Propagate(parent, "conv1_bn", kTwoToThree),
                "conv1_bn (batch_norm) does not make channels of its own");
}

TEST(ChannelPropagationTest, MapThatDoesNotFitIsRefused) {
  const Architecture parent = testing::DemoStart();
  ExpectRefused(Propagate(parent, "conv1", {{0, 4}, {1, 1}}), "takes channel 4 of 4");
  ExpectRefused(Propagate(parent, "conv1", {{0, -1}, {1, 1}}), "takes channel -1 of 4");
  ExpectRefused(Propagate(parent, "conv1", {{0, 1}, {1}}), "lacks shares");
}

TEST(ChannelPropagationTest, ChangesThatDisagreeAreRefused) {
  const Architecture parent = ResidualTrunk();
  const std::vector<ChannelChange> changes = {
      {*parent.FindNode("a"), kTwoToThree}, {*parent.FindNode("c"), {{0, 1, 1}, {1, 0.5F, 0.5F}}}};
  ExpectRefused(PropagateChannels(parent, changes), "would need two different maps");
}

}  // namespace
}  // namespace graft::transform
