// Single operators against values that PyTorch computed (operator_golden.py writes them).
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/arch/expand.h"
#include "common/engine/cpu/cpu_backend.h"
#include "common/engine/reference/reference_backend.h"
#include "tests/golden/pytorch/golden_file.h"
#include "tests/unit/engine/testing.h"

namespace graft::engine {
namespace {

using testing::Layer;
using testing::RelativeDifference;
using Ints = std::vector<std::int64_t>;

constexpr std::int64_t kBatch = 2;

// A case of operator_golden.py: the shapes of its inputs, without that of the difference's target,
// and the layers over "s", the scaled first input; the last is "y". An operator that is a loss
// gives the loss itself.
struct Case {
  std::string name;
  std::vector<Ints> inputs;
  std::vector<arch::LayerDef> layers;
  bool is_loss = false;
  bool has_ids = false;
};

const Ints kPicture = {4, 5, 4};
const Ints kTokens = {5, 6};

arch::LayerDef Y(std::string op, arch::Attributes attributes = {},
                 std::vector<std::string> operands = {"s"}) {
  return Layer(std::move(op), std::move(attributes), std::move(operands), "y");
}

arch::LayerDef Conv(std::int64_t filters, arch::Attributes more) {
  more["filters"] = filters;
  return Y("convolution", std::move(more));
}

arch::LayerDef Parameter(std::string id, Ints shape) {
  return Layer("parameter",
               {{"name", id}, {"shape", std::move(shape)}, {"initializer", std::string("zeros")}},
               {}, id);
}

std::vector<Case> Convolutions() {
  return {
      {"depthwise",
       {kPicture},
       {Conv(4, {{"kernel", std::int64_t{3}},
                 {"groups", std::int64_t{4}},
                 {"bias", true},
                 {"strides", Ints{2, 1}},
                 {"padding", std::int64_t{1}}})}},
      {"grouped",
       {kPicture},
       {Conv(6, {{"kernel", std::int64_t{3}}, {"groups", std::int64_t{2}}})}},
      {"dilated",
       {kPicture},
       {Conv(3,
             {{"kernel", Ints{3, 2}}, {"dilation", Ints{2, 3}}, {"padding", Ints{2, 1, 2, 1}}})}},
      {"masked_weight",
       {kPicture},
       {Parameter("latent", {3, 4, 1, 1}), Parameter("mask", {3, 4, 1, 1}),
        Layer("multiply", {}, {"latent", "mask"}, "weight"),
        Y("convolution", {}, {"s", "weight"})}},
      {"sliced_weight",
       {kPicture},
       {Parameter("latent", {5, 4, 3, 3}),
        Layer("slice", {{"start", std::int64_t{1}}, {"length", std::int64_t{3}}}, {"latent"},
              "weight"),
        Y("convolution", {{"padding", std::int64_t{1}}}, {"s", "weight"})}},
  };
}

std::vector<Case> Products() {
  const std::vector<std::string> qkv = {"s", "x1", "x2"};
  const auto heads = [](std::int64_t count) { return arch::Attributes{{"heads", count}}; };
  return {
      {"linear_tokens", {kTokens}, {Y("linear", {{"units", std::int64_t{7}}})}},
      {"matmul", {kTokens, {6, 4}}, {Y("matmul", {}, {"s", "x1"})}},
      {"matmul_transposed", {kTokens, {4, 6}}, {Y("matmul", {{"transpose_b", true}}, {"s", "x1"})}},
      {"attention", {kTokens, {5, 6}, {5, 8}}, {Y("attention", heads(2), qkv)}},
      {"attention_causal",
       {kTokens, {5, 6}, {5, 8}},
       {Y("attention", {{"heads", std::int64_t{2}}, {"causal", true}}, qkv)}},
      {"attention_reduced", {kTokens, {3, 6}, {3, 4}}, {Y("attention", {{"scale", 0.7}}, qkv)}},
      {"attention_of_one", {kTokens}, {Y("attention", heads(3), {"s", "s", "s"})}},
      {.name = "embedding",
       .inputs = {{7}},
       .layers = {Y("embedding", {{"vocabulary", std::int64_t{9}}, {"units", std::int64_t{4}}},
                    {"x0"})},
       .has_ids = true},
  };
}

std::vector<Case> Rows() {
  return {
      {"layer_norm", {kTokens}, {Y("layer_norm")}},
      {"layer_norm_picture", {kPicture}, {Y("layer_norm")}},
      {"rms_norm", {kTokens}, {Y("rms_norm")}},
      {"group_norm", {kPicture}, {Y("group_norm", {{"groups", std::int64_t{2}}})}},
      {"leaky_relu", {kTokens}, {Y("leaky_relu", {{"slope", 0.2}})}},
      {"relu6", {kTokens}, {Y("relu6")}},
      {"gelu", {kTokens}, {Y("gelu")}},
      {"gelu_tanh", {kTokens}, {Y("gelu", {{"tanh_approximation", true}})}},
      {"silu", {kTokens}, {Y("silu")}},
      {"hard_swish", {kTokens}, {Y("hard_swish")}},
      {"sigmoid", {kTokens}, {Y("sigmoid")}},
      {"tanh", {kTokens}, {Y("tanh")}},
      {"softmax", {kTokens}, {Y("softmax")}},
      {"softmax_picture", {kPicture}, {Y("softmax")}},
  };
}

std::vector<Case> Arrangements() {
  const auto upsample = [](std::string mode) {
    return Y("upsample", {{"factors", Ints{2, 3}}, {"mode", std::move(mode)}});
  };
  return {
      {"max_pool_ceil",
       {kPicture},
       {Y("max_pool", {{"kernel", std::int64_t{2}},
                       {"strides", Ints{3, 2}},
                       {"padding", Ints{1, 0, 1, 0}},
                       {"ceil_mode", true}})}},
      {"average_pool_ceil",
       {kPicture},
       {Y("average_pool", {{"kernel", Ints{3, 2}},
                           {"strides", std::int64_t{2}},
                           {"padding", Ints{1, 0, 1, 0}},
                           {"ceil_mode", true}})}},
      {"squeeze_excitation",
       {kPicture},
       {Layer("global_average_pool", {}, {"s"}, "squeeze"),
        Layer("linear", {{"units", std::int64_t{4}}}, {"squeeze"}, "excite"),
        Layer("sigmoid", {}, {"excite"}, "gate"), Y("multiply", {}, {"s", "gate"})}},
      {"slice_channels",
       {kPicture},
       {Y("slice", {{"start", std::int64_t{1}}, {"length", std::int64_t{2}}})}},
      {"slice_rows",
       {kPicture},
       {Y("slice",
          {{"axis", std::int64_t{1}}, {"start", std::int64_t{2}}, {"length", std::int64_t{3}}})}},
      {"pad", {kPicture}, {Y("pad", {{"before", Ints{1, 2, 0}}, {"after", Ints{1, 0, 3}}})}},
      {"transpose", {kPicture}, {Y("transpose", {{"permutation", Ints{2, 0, 1}}})}},
      {"tokens", {kPicture}, {Y("tokens")}},
      {"feature_map",
       {{6, 4}},
       {Y("feature_map", {{"height", std::int64_t{2}}, {"width", std::int64_t{3}}})}},
      {"upsample_nearest", {kPicture}, {upsample("nearest")}},
      {"upsample_bilinear", {kPicture}, {upsample("bilinear")}},
  };
}

std::vector<Case> Losses() {
  std::vector<Case> cases;
  for (const char* op : {"soft_label_cross_entropy", "binary_cross_entropy", "focal_loss",
                         "mean_squared_error", "kl_divergence"}) {
    const Ints shape = op == std::string("mean_squared_error") ? kPicture : Ints{6};
    arch::Attributes attributes;
    if (op == std::string("kl_divergence")) attributes["temperature"] = 4.0;
    cases.push_back({.name = op,
                     .inputs = {shape, shape},
                     .layers = {Y(op, attributes, {"s", "x1"})},
                     .is_loss = true});
  }
  return cases;
}

std::vector<Case> AllCases() {
  std::vector<Case> all;
  for (const auto& cases : {Convolutions(), Products(), Rows(), Arrangements(), Losses()}) {
    all.insert(all.end(), cases.begin(), cases.end());
  }
  return all;
}

class OperatorGoldenTest : public ::testing::TestWithParam<Case> {
 protected:
  static const std::map<std::string, std::vector<float>>& Golden() {
    static const auto& golden =
        *new std::map<std::string, std::vector<float>>(ReadGolden("operators"));
    return golden;
  }

  static const std::vector<float>& Expected(const std::string& name) {
    const auto found = Golden().find(GetParam().name + "." + name);
    EXPECT_NE(found, Golden().end()) << name;
    static const std::vector<float> none;
    return found == Golden().end() ? none : found->second;
  }

  static arch::LayerDef Input(std::size_t index, Ints shape, bool ids = false) {
    return Layer("input",
                 {{"index", static_cast<std::int64_t>(index)},
                  {"shape", std::move(shape)},
                  {"dtype", std::string(ids ? "int32" : "float32")}},
                 {}, "x" + std::to_string(index));
  }

  static absl::StatusOr<arch::Architecture> Build(std::vector<arch::LayerDef> layers,
                                                  const std::string& loss) {
    std::vector<arch::OutputDef> outputs = {{"y", "y"}};
    if (!loss.empty()) outputs.insert(outputs.begin(), {"loss", loss});
    return arch::Expand(std::move(layers), std::move(outputs), {});
  }

  static arch::Architecture Network() {
    const Case& golden = GetParam();
    std::vector<arch::LayerDef> layers;
    for (std::size_t i = 0; i < golden.inputs.size(); ++i) {
      layers.push_back(Input(i, golden.inputs[i], golden.has_ids));
    }
    if (!golden.has_ids) {
      const Ints& first = golden.inputs[0];
      layers.push_back(Parameter("gamma", {first.size() == 2 ? first[1] : first[0]}));
      layers.push_back(Layer("multiply", {}, {"x0", "gamma"}, "s"));
    }
    layers.insert(layers.end(), golden.layers.begin(), golden.layers.end());
    if (golden.is_loss) return *Build(layers, "y");
    const auto without_loss = Build(layers, "");
    EXPECT_TRUE(without_loss.ok()) << without_loss.status();
    const auto dims = without_loss->node(without_loss->outputs()[0].node).type.shape.dims();
    layers.push_back(Input(golden.inputs.size(), Ints(dims.begin(), dims.end())));
    layers.push_back(Layer("mean_squared_error", {}, {"y", layers.back().id}, "loss"));
    return *Build(layers, "loss");
  }

  static void ExpectGolden(Backend& backend, double bound, double gradient_bound) {
    const arch::Architecture network = Network();
    const auto plan = backend.Compile(network, {.batch = kBatch});
    ASSERT_TRUE(plan.ok()) << plan.status();
    const ParameterLayout& layout = (*plan)->layout();
    ParameterVector parameters(layout.size());
    for (const ParameterLayout::Slot& slot : layout.slots()) {
      const std::vector<float>& values = Expected("p." + network.node(slot.node).id);
      ASSERT_EQ(static_cast<std::int64_t>(values.size()), slot.count);
      std::ranges::copy(values, parameters.slice(slot).begin());
    }
    Feed feed{.count = kBatch, .inputs = {}};
    const std::vector<float>& first = Expected("x0");
    const std::vector<std::int32_t> ids(first.begin(), first.end());
    for (std::size_t i = 0; i < network.inputs().size(); ++i) {
      feed.inputs.push_back(Expected("x" + std::to_string(i)).data());
    }
    if (GetParam().has_ids) feed.inputs[0] = ids.data();
    ASSERT_TRUE((*plan)->Forward(Mode::kTraining, feed, parameters).ok());
    EXPECT_LE(RelativeDifference((*plan)->Output(0), Expected("loss")), bound);
    EXPECT_LE(RelativeDifference((*plan)->Output(1), Expected("y")), bound);
    ParameterVector gradients(layout.size());
    ASSERT_TRUE((*plan)->Backward(feed, parameters, gradients).ok());
    for (const ParameterLayout::Slot& slot : layout.slots()) {
      const std::string& id = network.node(slot.node).id;
      EXPECT_LE(RelativeDifference(gradients.slice(slot), Expected("g." + id), /*floor=*/1e-3),
                gradient_bound)
          << id;
    }
  }
};

TEST_P(OperatorGoldenTest, ReferenceAgrees) {
  reference::ReferenceBackend backend;
  ExpectGolden(backend, 1e-6, 1e-6);
}

TEST_P(OperatorGoldenTest, CpuAgrees) {
  cpu::CpuBackend backend;
  ExpectGolden(backend, 2e-6, 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Operators, OperatorGoldenTest, ::testing::ValuesIn(AllCases()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace graft::engine
