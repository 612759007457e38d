#include "common/transform/deepen_layer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/transform/test_network.h"

namespace graft::transform {
namespace {

using arch::Architecture;
using arch::LayerDef;
using testing::Deepen;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MakeArchitecture;
using testing::TestNetwork;

Architecture Child(const Architecture& parent, const Edit& edit) {
  const auto result = Apply(parent, edit, 1);
  EXPECT_TRUE(result.ok()) << result.status();
  return result->child;
}

std::vector<std::string> OperandsOf(const Architecture& architecture, std::string_view id) {
  std::vector<std::string> operands;
  for (const arch::NodeIndex operand : architecture.node(*architecture.FindNode(id)).operands) {
    operands.push_back(architecture.node(operand).id);
  }
  return operands;
}

void ExpectRefused(const Architecture& parent, const Edit& edit, const std::string& reason) {
  const auto result = Apply(parent, edit, 1);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr(reason));
}

// convolution, ReLU, global average, linear with bias, ReLU, linear: no batch norm.
Architecture WithoutBatchNorm(bool bias) {
  return MakeArchitecture(
      {{"conv",
        "convolution",
        {{"filters", std::int64_t{3}}, {"kernel", std::int64_t{3}}, {"bias", bias}},
        {}},
       {"relu1", "relu", {}, {}},
       {"gap", "global_average_pool", {}, {}},
       {"hidden", "linear", {{"units", std::int64_t{4}}, {"bias", bias}}, {}},
       {"relu2", "relu", {}, {}},
       {"classifier", "linear", {{"units", std::int64_t{2}}}, {}}},
      {2, 5, 5});
}

TEST(DeepenLayerTest, NewUnitStandsBehindTheReluAndItsUsersTakeIt) {
  const Architecture child = Child(testing::DemoStart(), Deepen("conv2", 3));
  EXPECT_EQ(arch::Summary(child), "C4k3-P-C4k3-C4k3-P-C4k3-P-C4k3-GAP-F8-F10");
  EXPECT_THAT(OperandsOf(child, "conv2_deeper1"),
              ElementsAre("conv2_relu", "conv2_deeper1.weight"));
  EXPECT_THAT(OperandsOf(child, "conv2_deeper1_bn"),
              ElementsAre("conv2_deeper1", "conv2_deeper1_bn.scale", "conv2_deeper1_bn.shift",
                          "conv2_deeper1_bn.mean", "conv2_deeper1_bn.variance"));
  EXPECT_THAT(OperandsOf(child, "conv2_deeper1_relu"), ElementsAre("conv2_deeper1_bn"));
  const auto users = child.users(*child.FindNode("conv2_relu"));
  ASSERT_EQ(users.size(), 1U);
  EXPECT_EQ(child.node(users[0]).id, "conv2_deeper1");
}

TEST(DeepenLayerTest, LayersThatWereThereKeepTheirIds) {
  const Architecture parent = testing::DemoStart();
  const Architecture child = Child(parent, Deepen("conv2", 3));
  for (const arch::Node& node : parent.nodes()) {
    EXPECT_TRUE(child.FindNode(node.id).has_value()) << node.id;
  }
}

TEST(DeepenLayerTest, NewIdsAreFreshAndDoNotGrow) {
  Architecture network = testing::DemoStart();
  network = Child(network, Deepen("conv2", 3));
  network = Child(network, Deepen("conv2_deeper1", 1));
  network = Child(network, Deepen("conv2", 5));
  EXPECT_THAT(OperandsOf(network, "conv2_deeper3")[0], "conv2_relu");
  EXPECT_THAT(OperandsOf(network, "conv2_deeper1")[0], "conv2_deeper3_relu");
  EXPECT_THAT(OperandsOf(network, "conv2_deeper2")[0], "conv2_deeper1_relu");
}

TEST(DeepenLayerTest, IdsOfTheUserAreNotTaken) {
  std::vector<LayerDef> layers = testing::DemoStart().ToLayers();
  for (LayerDef& layer : layers) {
    if (layer.id == "fc1_relu") layer.id = "conv2_deeper1_bn";
    for (std::string& operand : layer.operands) {
      if (operand == "fc1_relu") operand = "conv2_deeper1_bn";
    }
  }
  const Architecture parent = MakeArchitecture(layers, {}, {{"logits", "classifier"}});
  EXPECT_TRUE(Child(parent, Deepen("conv2", 3)).FindNode("conv2_deeper2").has_value());
}

TEST(DeepenLayerTest, LongestIdLeadsToAValidOne) {
  // 121 characters and ".weight" are the 128 that an id may have.
  const std::string longest(121, 'x');
  const Architecture parent =
      MakeArchitecture({{longest, "linear", {{"units", std::int64_t{2}}}, {}},
                        {"bn", "batch_norm", {}, {}},
                        {"relu", "relu", {}, {}},
                        {"classifier", "linear", {{"units", std::int64_t{2}}}, {}}},
                       {2}, {});
  EXPECT_EQ(Apply(parent, Deepen(longest, 0), 1).status(), absl::OkStatus());
}

TEST(DeepenLayerTest, LinearLayerGetsALinearLayer) {
  const Architecture child = Child(testing::DemoStart(), Deepen("fc1", 0));
  EXPECT_EQ(arch::Summary(child), "C4k3-P-C4k3-P-C4k3-P-C4k3-GAP-F8-F8-F10");
}

TEST(DeepenLayerTest, ParameterCountFollowsTheClosedForm) {
  EXPECT_EQ(Child(testing::DemoStart(), Deepen("conv2", 5)).cost().parameters,
            638 + 4 * 4 * 25 + 2 * 4);
  EXPECT_EQ(Child(testing::DemoStart(), Deepen("fc1", 0)).cost().parameters, 638 + 8 * 8 + 2 * 8);
  EXPECT_EQ(Child(WithoutBatchNorm(true), Deepen("hidden", 0)).cost().parameters,
            WithoutBatchNorm(true).cost().parameters + 4 * 4 + 4);
}

TEST(DeepenLayerTest, NewUnitIsBuiltAsTheFollowedOne) {
  const Architecture with = Child(WithoutBatchNorm(true), Deepen("conv", 3));
  EXPECT_THAT(OperandsOf(with, "conv_deeper1"),
              ElementsAre("relu1", "conv_deeper1.weight", "conv_deeper1.bias"));
  EXPECT_THAT(OperandsOf(with, "conv_deeper1_relu"), ElementsAre("conv_deeper1"));
  const Architecture without = Child(WithoutBatchNorm(false), Deepen("conv", 3));
  EXPECT_THAT(OperandsOf(without, "conv_deeper1"), ElementsAre("relu1", "conv_deeper1.weight"));
}

TEST(DeepenLayerTest, BatchNormTakesEpsilonAndMomentumOfTheFollowedOne) {
  const Architecture parent =
      MakeArchitecture({{"a", "linear", {{"units", std::int64_t{2}}}, {}},
                        {"bn", "batch_norm", {{"epsilon", 0.125}, {"momentum", 0.25}}, {}},
                        {"relu", "relu", {}, {}},
                        {"classifier", "linear", {{"units", std::int64_t{2}}}, {}}},
                       {2});
  const Architecture child = Child(parent, Deepen("a", 0));
  EXPECT_EQ(child.node(*child.FindNode("a_deeper1_bn")).attributes,
            parent.node(*parent.FindNode("bn")).attributes);
}

TEST(DeepenLayerTest, PromiseDependsOnBatchNormAndNoise) {
  const auto promise = [](const Architecture& parent, const Edit& edit) {
    return Apply(parent, edit, 1)->preservation;
  };
  EXPECT_EQ(promise(testing::DemoStart(), Deepen("conv2", 3)), Preservation::kCalibrated);
  EXPECT_EQ(promise(WithoutBatchNorm(true), Deepen("conv", 3)), Preservation::kExact);
  EXPECT_EQ(promise(testing::DemoStart(), Deepen("conv2", 3, true)), Preservation::kLossy);
  EXPECT_EQ(promise(WithoutBatchNorm(true), Deepen("conv", 3, true)), Preservation::kLossy);
}

TEST(DeepenLayerTest, BatchNormIsCalibratedToTheFollowedRelu) {
  const tensor::Tensor images = testing::RandomImages(testing::DemoStart(), 8, 2);
  const TestNetwork parent = testing::Settle(testing::DemoStart(), images, 3);
  const std::vector<Edit> edits = {Deepen("conv2", 3)};
  const TestNetwork child = testing::Derive(parent, edits, 1, images).network;
  const arch::NodeIndex relu = *parent.architecture.FindNode("conv2_relu");
  const ChannelStatistics statistics = testing::Calibrate(parent, {{relu}}, images)[0];
  for (int c = 0; c < 4; ++c) {
    const auto value = [&](const char* name) {
      return testing::WeightsOf(child, std::string("conv2_deeper1_bn.") + name).floats()[c];
    };
    EXPECT_GT(statistics.variance[c], 0);
    EXPECT_EQ(value("mean"), statistics.mean[c]);
    EXPECT_EQ(value("shift"), statistics.mean[c]);
    EXPECT_EQ(value("variance"), statistics.variance[c]);
    EXPECT_FLOAT_EQ(value("scale"), std::sqrt(statistics.variance[c] + 1e-5F));
  }
}

TEST(DeepenLayerTest, NewWeightIsTheIdentityAtTheKernelsCentre) {
  const tensor::Tensor images = testing::RandomImages(testing::DemoStart(), 2, 2);
  const TestNetwork parent = testing::Settle(testing::DemoStart(), images, 3);
  const std::vector<Edit> edits = {Deepen("conv2", 5)};
  const TestNetwork child = testing::Derive(parent, edits, 1, images).network;
  const auto weight = testing::WeightsOf(child, "conv2_deeper1.weight").floats();  // [4, 4, 5, 5]
  for (int o = 0; o < 4; ++o) {
    for (int i = 0; i < 4; ++i) {
      for (int tap = 0; tap < 25; ++tap) {
        EXPECT_EQ(weight[(o * 4 + i) * 25 + tap], o == i && tap == 12 ? 1 : 0);
      }
    }
  }
}

// a -> bn -> relu, taken by a convolution, an addition and a second output.
TEST(DeepenLayerTest, AllUsersAndOutputsAreRelinked) {
  const Architecture parent = MakeArchitecture(
      {{"a", "convolution", {{"filters", std::int64_t{2}}, {"kernel", std::int64_t{3}}}, {}},
       {"bn", "batch_norm", {}, {}},
       {"relu", "relu", {}, {}},
       {"b", "convolution", {{"filters", std::int64_t{2}}, {"kernel", std::int64_t{3}}}, {}},
       {"add", "add", {}, {"b", "relu"}}},
      {1, 4, 4}, {{"sum", "add"}, {"features", "relu"}});
  const Architecture child = Child(parent, Deepen("a", 3));
  EXPECT_EQ(OperandsOf(child, "b")[0], "a_deeper1_relu");
  EXPECT_THAT(OperandsOf(child, "add"), ElementsAre("b", "a_deeper1_relu"));
  EXPECT_EQ(child.node(child.outputs()[1].node).id, "a_deeper1_relu");
}

TEST(DeepenLayerTest, OnlyAnIdempotentActivationIsFollowed) {
  ExpectRefused(testing::DemoStart(), Deepen("classifier", 0),
                "after an idempotent activation (relu)");
  const Architecture linear = MakeArchitecture(
      {{"a", "convolution", {{"filters", std::int64_t{2}}, {"kernel", std::int64_t{3}}}, {}},
       {"bn", "batch_norm", {}, {}},
       {"pool", "max_pool", {{"kernel", std::int64_t{2}}}, {}},
       {"relu", "relu", {}, {}},
       {"gap", "global_average_pool", {}, {}}},
      {1, 4, 4});
  ExpectRefused(linear, Deepen("a", 3), "after an idempotent activation (relu)");
}

TEST(DeepenLayerTest, IllegalEditsSayWhy) {
  const Architecture parent = testing::DemoStart();
  ExpectRefused(parent, Deepen("conv9", 3), "there is no layer conv9");
  ExpectRefused(parent, Deepen("conv1_relu", 3), "conv1_relu is a relu, expected a convolution");
  ExpectRefused(parent, Deepen("conv1", 2), "must be odd for a convolution, got 2");
  ExpectRefused(parent, Deepen("conv1", 0), "must be odd for a convolution, got 0");
  ExpectRefused(parent, Deepen("fc1", 3), "a linear layer has none");
}

}  // namespace
}  // namespace graft::transform
