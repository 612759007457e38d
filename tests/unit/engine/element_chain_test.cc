// Element-wise operators that the CPU backend computes block by block, one after the other.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/rng.h"
#include "common/engine/cpu/cpu_backend.h"
#include "common/engine/reference/reference_backend.h"
#include "tests/unit/engine/testing.h"

namespace graft::engine {
namespace {

using testing::Classifier;
using testing::Examples;
using testing::Layer;
using testing::RandomParameters;
using testing::RelativeDifference;
using testing::WithLoss;

// Values of 8,640 elements: some blocks.
constexpr std::int64_t kBatch = 5;
const tensor::Shape kImage = {3, 24, 24};

arch::LayerDef Convolution(std::int64_t filters, std::string of, std::string id) {
  return Layer("convolution", {{"filters", filters}, {"kernel", std::int64_t{1}}}, {std::move(of)},
               std::move(id));
}

// A chain over three pictures, of which the first operator takes all; each other one takes the
// result of the one before it, and pictures or results of earlier ones, where a new chain begins
// then.
arch::Architecture RandomChain(base::Rng& random) {
  std::vector<arch::LayerDef> layers;
  // Behind values of other sizes, so that memory that is free again does not fit by chance.
  for (const char* const id : {"a", "b", "c"}) {
    const std::string wide = std::string(id) + "_wide";
    layers.push_back(Convolution(1 + random.UniformInt(7), "input", wide));
    layers.push_back(Convolution(3, wide, id));
  }
  layers.push_back(Layer("add", {}, {"a", "b", "c"}, "sum"));
  std::vector<std::string> values = {"a", "b", "c"};
  const auto any = [&] { return values[random.UniformInt(values.size())]; };
  std::string last = "sum";
  for (int i = 0; i < 6; ++i) {
    static const std::vector<std::string> kOperators = {"add",     "add",  "multiply",
                                                        "sigmoid", "silu", "tanh"};
    const std::string& op = kOperators[random.UniformInt(kOperators.size())];
    std::vector<std::string> operands = {last};
    if (op == "add" || op == "multiply") operands.push_back(any());
    if (op == "add" && random.UniformInt(3) == 0) operands.push_back(any());
    last = "e" + std::to_string(i);
    layers.push_back(Layer(op, {}, operands, last));
    if (random.UniformInt(3) == 0) values.push_back(last);
  }
  layers.push_back(Layer("global_average_pool", {}, {last}));
  return WithLoss(Classifier(kImage, std::move(layers), 4));
}

std::vector<arch::NodeIndex> AllLayers(const arch::Architecture& architecture) {
  std::vector<arch::NodeIndex> nodes;
  for (std::size_t i = 0; i < architecture.nodes().size(); ++i) {
    const auto node = static_cast<arch::NodeIndex>(i);
    const std::string& op = architecture.node(node).op->name;
    if (op != "parameter" && op != "input") nodes.push_back(node);
  }
  return nodes;
}

struct Results {
  std::vector<float> output, gradients;
};

// Gradients if the plan has them.
Results Compute(Plan& plan, const Examples& examples, bool train = true) {
  ParameterVector parameters = RandomParameters(plan.architecture(), plan.layout(), 1);
  const Mode mode = train ? Mode::kTraining : Mode::kInference;
  EXPECT_TRUE(plan.Forward(mode, examples.feed(), parameters).ok());
  const std::span<const float> output = plan.Output(1);
  Results results{.output = {output.begin(), output.end()}, .gradients = {}};
  if (!train) return results;
  ParameterVector gradients(plan.layout().size());
  EXPECT_TRUE(plan.Backward(examples.feed(), parameters, gradients).ok());
  results.gradients.assign(gradients.values().begin(), gradients.values().end());
  return results;
}

class ElementChainTest : public ::testing::TestWithParam<int> {};

TEST_P(ElementChainTest, EqualsTheReferenceWhereverValuesLieOnAnyNumberOfThreads) {
  base::Rng random(GetParam());
  const arch::Architecture network = RandomChain(random);
  SCOPED_TRACE(arch::Render(network));
  const Examples examples(network, kBatch, 1);
  reference::ReferenceBackend reference;
  const auto exact = reference.Compile(network, {.batch = kBatch});
  ASSERT_TRUE(exact.ok()) << exact.status();
  const Results expected = Compute(**exact, examples);
  const auto compute = [&](int threads, const PlanOptions& options) {
    const auto plan = cpu::CpuBackend({.threads = threads}).Compile(network, options);
    EXPECT_TRUE(plan.ok()) << plan.status();
    return Compute(**plan, examples, options.gradients);
  };
  const Results found = compute(1, {.batch = kBatch});
  EXPECT_LE(RelativeDifference(found.output, expected.output), 1e-5);
  EXPECT_LE(RelativeDifference(found.gradients, expected.gradients), 1e-4);
  // Values that are wanted keep their places to the end.
  const Results apart = compute(1, {.batch = kBatch, .fetch = AllLayers(network)});
  EXPECT_EQ(found.output, apart.output);
  EXPECT_EQ(found.gradients, apart.gradients);
  EXPECT_EQ(found.output, compute(1, {.batch = kBatch, .gradients = false}).output);
  const Results together = compute(3, {.batch = kBatch});
  EXPECT_EQ(found.output, together.output);
  // The direct sums of weights' gradients depend on the number of threads.
  EXPECT_LE(RelativeDifference(found.gradients, together.gradients), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ElementChainTest, ::testing::Range(0, 40));
// Where a result would come to lie across an operand that later blocks read, if both were taken to
// live one after the other.
INSTANTIATE_TEST_SUITE_P(ScarceMemory, ElementChainTest, ::testing::Values(280, 687, 755, 944));

}  // namespace
}  // namespace graft::engine
