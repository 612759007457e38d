#include "common/task/image_classification.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "common/arch/expand.h"
#include "common/base/field_error.h"
#include "tests/property/random_architecture.h"

namespace graft::task {
namespace {

using arch::Architecture;
using arch::LayerDef;
using Ints = std::vector<std::int64_t>;

const tensor::Shape kImage = {1, 6, 5};

Architecture MustExpand(const std::vector<LayerDef>& layers,
                        const std::vector<arch::OutputDef>& outputs = {}) {
  auto architecture = arch::Expand(layers, outputs, {.input_shape = kImage});
  EXPECT_TRUE(architecture.ok()) << architecture.status();
  return *std::move(architecture);
}

Architecture Classifier() {
  return MustExpand(
      {{"conv", "convolution", {{"filters", std::int64_t{4}}, {"kernel", std::int64_t{3}}}, {}},
       {"pool", "global_average_pool", {}, {}},
       {"fc", "linear", {{"units", std::int64_t{3}}}, {}}});
}

std::string BadField(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  const auto violations = base::FieldViolations(status);
  return violations.size() == 1 ? violations[0].field : "";
}

TEST(CheckImageClassifierTest, AcceptsLogitsOfEachClass) {
  EXPECT_TRUE(CheckImageClassifier(Classifier(), kImage, 3).ok());
}

TEST(CheckImageClassifierTest, RejectsOtherImagesAndOtherClasses) {
  EXPECT_EQ(BadField(CheckImageClassifier(Classifier(), {3, 6, 5}, 3)), "layers");
  EXPECT_EQ(BadField(CheckImageClassifier(Classifier(), kImage, 10)), "outputs[0]");
}

struct NoClassifier {
  std::string name;
  std::vector<LayerDef> layers;
  std::vector<arch::OutputDef> outputs;
  std::string field;
};

class NoClassifierTest : public ::testing::TestWithParam<NoClassifier> {};

TEST_P(NoClassifierTest, IsRejectedAndHasNoTrainingGraph) {
  const Architecture architecture = MustExpand(GetParam().layers, GetParam().outputs);
  EXPECT_EQ(BadField(CheckImageClassifier(architecture, kImage, 30)), GetParam().field);
  EXPECT_EQ(BadField(TrainingGraph(architecture).status()), GetParam().field);
}

INSTANTIATE_TEST_SUITE_P(
    Architectures, NoClassifierTest,
    ::testing::Values(
        NoClassifier{"TwoInputs",
                     {{"x", "input", {{"shape", Ints{1, 6, 5}}}, {}},
                      {"z", "input", {{"shape", Ints{1, 6, 5}}, {"index", std::int64_t{1}}}, {}},
                      {"y", "add", {}, {"x", "z"}},
                      {"f", "flatten", {}, {}}},
                     {},
                     "layers"},
        NoClassifier{"InputOfAVector",
                     {{"x", "input", {{"shape", Ints{30}}}, {}}, {"y", "relu", {}, {}}},
                     {},
                     "layers"},
        NoClassifier{
            "InputOfIntegers",
            {{"x", "input", {{"shape", Ints{1, 6, 5}}, {"dtype", std::string("int32")}}, {}}},
            {},
            "layers"},
        NoClassifier{
            "TwoOutputs", {{"y", "flatten", {}, {}}}, {{"logits", "y"}, {"again", "y"}}, "outputs"},
        NoClassifier{"OutputOfAPicture", {{"y", "relu", {}, {}}}, {}, "outputs[0]"}),
    [](const auto& test) { return test.param.name; });

TEST(TrainingGraphTest, HasTheLossFirstAndThenTheLogits) {
  const Architecture classifier = Classifier();
  const auto graph = TrainingGraph(classifier);
  ASSERT_TRUE(graph.ok()) << graph.status();
  ASSERT_EQ(graph->outputs().size(), 2u);
  EXPECT_EQ(graph->outputs()[kLossOutput].name, "loss");
  EXPECT_EQ(graph->outputs()[kLogitsOutput].name, "logits");
  const arch::Node& loss = graph->node(graph->outputs()[kLossOutput].node);
  EXPECT_EQ(loss.op->name, "softmax_cross_entropy");
  EXPECT_FALSE(loss.type.batched);
  EXPECT_EQ(graph->outputs()[kLogitsOutput].node, classifier.outputs()[0].node);
  ASSERT_EQ(graph->inputs().size(), 2u);
  EXPECT_EQ(graph->node(graph->inputs()[1]).type,
            (arch::ValueType{tensor::DType::kInt32, true, {}}));
}

TEST(TrainingGraphTest, SmoothsTheTargetsOfItsLossAlone) {
  const auto plain = TrainingGraph(Classifier());
  const auto smoothed = TrainingGraph(Classifier(), 0.1);
  ASSERT_TRUE(smoothed.ok()) << smoothed.status();
  const auto smoothing = [](const Architecture& graph) {
    return arch::GetDouble(graph.node(graph.outputs()[kLossOutput].node).attributes,
                           "label_smoothing");
  };
  EXPECT_EQ(smoothing(*plain), 0);
  EXPECT_EQ(smoothing(*smoothed), 0.1);
  EXPECT_TRUE(std::ranges::equal(smoothed->parameters(), plain->parameters()));
  EXPECT_EQ(smoothed->nodes().size(), plain->nodes().size());
}

TEST(TrainingGraphTest, SoftTargetsTakeTheLabelsPlace) {
  const Architecture classifier = Classifier();
  const auto graph = SoftTargetGraph(classifier);
  ASSERT_TRUE(graph.ok()) << graph.status();
  ASSERT_EQ(graph->outputs().size(), 2u);
  EXPECT_EQ(graph->outputs()[kLossOutput].name, "loss");
  const arch::Node& loss = graph->node(graph->outputs()[kLossOutput].node);
  EXPECT_EQ(loss.op->name, "soft_label_cross_entropy");
  EXPECT_FALSE(loss.type.batched);
  EXPECT_EQ(graph->outputs()[kLogitsOutput].node, classifier.outputs()[0].node);
  ASSERT_EQ(graph->inputs().size(), 2u);
  const arch::Node& targets = graph->node(graph->inputs()[1]);
  EXPECT_EQ(targets.id, "targets");
  EXPECT_EQ(targets.type, graph->node(graph->outputs()[kLogitsOutput].node).type);
  EXPECT_TRUE(std::ranges::equal(graph->parameters(), classifier.parameters()));
}

TEST(TrainingGraphTest, AvoidsNamesThatTheArchitectureUses) {
  const Architecture classifier =
      MustExpand({{"labels", "flatten", {}, {}}, {"loss", "relu", {}, {}}}, {{"loss", "loss"}});
  const auto graph = TrainingGraph(classifier);
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(graph->outputs()[kLossOutput].name, "loss_1");
  EXPECT_EQ(graph->node(graph->outputs()[kLossOutput].node).id, "loss_1");
}

TEST(TrainingGraphTest, KeepsTheIndicesAndTensorNamesOfTheArchitecture) {
  base::Rng rng(7);
  for (int i = 0; i < 50; ++i) {
    const Architecture architecture = graft::testing::RandomArchitecture(rng);
    const auto graph = TrainingGraph(architecture);
    ASSERT_TRUE(graph.ok()) << graph.status();
    ASSERT_EQ(graph->nodes().size(), architecture.nodes().size() + 2);
    ASSERT_EQ(graph->parameters().size(), architecture.parameters().size());
    for (std::size_t p = 0; p < architecture.parameters().size(); ++p) {
      EXPECT_EQ(graph->parameters()[p], architecture.parameters()[p]);
      EXPECT_EQ(graph->TensorName(graph->parameters()[p]),
                architecture.TensorName(architecture.parameters()[p]));
    }
    EXPECT_EQ(graph->cost().parameters, architecture.cost().parameters);
  }
}

}  // namespace
}  // namespace graft::task
