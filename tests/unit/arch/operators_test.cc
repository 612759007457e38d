// One suite that visits every registered operator, over an example of each.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "common/arch/architecture_encoding.h"
#include "common/arch/expand.h"
#include "common/arch/operator_registry.h"
#include "common/base/field_error.h"

namespace graft::arch {
namespace {

using Ints = std::vector<std::int64_t>;

LayerDef Input(std::string id, Ints shape, std::int64_t index = 0) {
  return {std::move(id), "input", {{"shape", std::move(shape)}, {"index", index}}, {}};
}

// Counts what an operator does by doing it: a step of a loop is a MAC.
std::int64_t WindowPositions(std::int64_t extent, std::int64_t kernel, std::int64_t stride,
                             std::int64_t before, std::int64_t after) {
  std::int64_t positions = 0;
  for (std::int64_t start = -before; start + kernel <= extent + after; start += stride) ++positions;
  return positions;
}

std::int64_t ConvolutionMacs(std::int64_t rows, std::int64_t columns, std::int64_t filters,
                             std::int64_t channels, std::int64_t kernel_height,
                             std::int64_t kernel_width) {
  std::int64_t macs = 0;
  for (std::int64_t filter = 0; filter < filters; ++filter) {
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t column = 0; column < columns; ++column) {
        for (std::int64_t channel = 0; channel < channels; ++channel) {
          for (std::int64_t i = 0; i < kernel_height; ++i) {
            for (std::int64_t j = 0; j < kernel_width; ++j) ++macs;
          }
        }
      }
    }
  }
  return macs;
}

struct Example {
  // Layers before the one under test.
  std::vector<LayerDef> before;
  // In short form.
  Attributes attributes;
  std::vector<std::string> operands;
  // Another legal value for each attribute.
  Attributes changes;
  // Expected.
  ValueType type;
  std::int64_t parameters = 0;
  std::int64_t statistics = 0;
  std::int64_t macs = 0;
};

ValueType Batched(tensor::Shape shape) { return {tensor::DType::kFloat32, true, shape}; }

std::map<std::string, Example> Examples() {
  const std::vector<LayerDef> map = {Input("x", {3, 9, 8})};
  const std::vector<LayerDef> vector = {Input("x", {6})};
  const std::vector<LayerDef> two_maps = {Input("x", {3, 9, 8}), Input("z", {3, 9, 8}, 1)};
  LayerDef labels = Input("labels", {}, 1);
  labels.attributes["dtype"] = std::string("int32");
  const std::int64_t conv_rows = WindowPositions(9, 3, 2, 1, 1);
  const std::int64_t conv_columns = WindowPositions(8, 2, 1, 0, 1);
  const std::int64_t pool_rows = WindowPositions(9, 2, 2, 0, 1);
  const std::int64_t pool_columns = WindowPositions(8, 3, 2, 1, 0);
  const Attributes pool = {
      {"kernel", Ints{2, 3}}, {"strides", Ints{2, 2}}, {"padding", Ints{0, 1, 1, 0}}};
  const Attributes pool_changes = {{"kernel", Ints{2, 2}},
                                   {"strides", Ints{2, 1}},
                                   {"padding", Ints{0, 0, 1, 0}},
                                   {"ceil_mode", true}};

  std::map<std::string, Example> examples;
  examples["input"] = {
      .before = {},
      .attributes = {{"shape", Ints{3, 4}}},
      .changes = {{"shape", Ints{4, 3}}, {"dtype", std::string("int32")}, {"batched", false}},
      .type = Batched({3, 4})};
  examples["parameter"] = {.before = {},
                           .attributes = {{"shape", Ints{3, 4}},
                                          {"name", std::string("weight")},
                                          {"initializer", std::string("zeros")}},
                           .changes = {{"shape", Ints{4, 3}},
                                       {"name", std::string("bias")},
                                       {"initializer", std::string("ones")},
                                       {"trainable", false}},
                           .type = {tensor::DType::kFloat32, false, {3, 4}},
                           .parameters = 12};
  examples["convolution"] = {.before = map,
                             .attributes = {{"filters", std::int64_t{6}},
                                            {"kernel", Ints{3, 2}},
                                            {"bias", true},
                                            {"strides", Ints{2, 1}}},
                             .operands = {"x"},
                             .changes = {{"strides", Ints{1, 2}},
                                         {"padding", Ints{1, 1, 1, 0}},
                                         {"groups", std::int64_t{3}},
                                         {"dilation", Ints{1, 2}}},
                             .type = Batched({6, conv_rows, conv_columns}),
                             .parameters = 6 * 3 * 3 * 2 + 6,
                             .macs = ConvolutionMacs(conv_rows, conv_columns, 6, 3, 3, 2)};
  examples["linear"] = {.before = vector,
                        .attributes = {{"units", std::int64_t{4}}},
                        .operands = {"x"},
                        .type = Batched({4}),
                        .parameters = 4 * 6 + 4,
                        .macs = ConvolutionMacs(1, 1, 4, 6, 1, 1)};
  examples["batch_norm"] = {.before = map,
                            .operands = {"x"},
                            .changes = {{"epsilon", 1e-3}, {"momentum", 0.2}},
                            .type = Batched({3, 9, 8}),
                            .parameters = 6,
                            .statistics = 6};
  examples["relu"] = {.before = map, .operands = {"x"}, .type = Batched({3, 9, 8})};
  examples["dropout"] = {.before = vector,
                         .attributes = {{"rate", 0.5}},
                         .operands = {"x"},
                         .changes = {{"rate", 0.25}},
                         .type = Batched({6})};
  for (const char* op : {"max_pool", "average_pool"}) {
    examples[op] = {.before = map,
                    .attributes = pool,
                    .operands = {"x"},
                    .changes = pool_changes,
                    .type = Batched({3, pool_rows, pool_columns})};
  }
  for (const char* op : {"global_max_pool", "global_average_pool"}) {
    examples[op] = {.before = map, .operands = {"x"}, .type = Batched({3})};
  }
  examples["flatten"] = {.before = map, .operands = {"x"}, .type = Batched({3 * 9 * 8})};
  examples["add"] = {.before = two_maps, .operands = {"x", "z", "x"}, .type = Batched({3, 9, 8})};
  examples["concat"] = {
      .before = two_maps, .operands = {"x", "z", "x"}, .type = Batched({9, 9, 8})};
  const std::vector<LayerDef> tokens = {Input("x", {5, 6})};
  examples["embedding"] = {
      .before = {Input("x", {5})},
      .attributes = {{"vocabulary", std::int64_t{7}}, {"units", std::int64_t{3}}},
      .operands = {"x"},
      .type = Batched({5, 3}),
      .parameters = 7 * 3};
  examples["embedding"].before[0].attributes["dtype"] = std::string("int32");
  examples["matmul"] = {.before = {Input("x", {5, 6}), Input("z", {6, 6}, 1)},
                        .operands = {"x", "z"},
                        .changes = {{"transpose_b", true}},
                        .type = Batched({5, 6}),
                        .macs = ConvolutionMacs(5, 1, 6, 6, 1, 1)};
  examples["attention"] = {
      .before = {Input("x", {5, 6}), Input("k", {4, 6}, 1), Input("v", {4, 8}, 2)},
      .attributes = {{"heads", std::int64_t{2}}},
      .operands = {"x", "k", "v"},
      .changes = {{"heads", std::int64_t{1}}, {"scale", 0.5}, {"causal", true}},
      .type = Batched({5, 8}),
      .macs = ConvolutionMacs(5, 4, 6, 1, 1, 1) + ConvolutionMacs(5, 4, 8, 1, 1, 1)};
  for (const char* op : {"layer_norm", "rms_norm"}) {
    examples[op] = {.before = tokens,
                    .operands = {"x"},
                    .changes = {{"epsilon", 1e-3}},
                    .type = Batched({5, 6}),
                    .parameters = op == std::string("rms_norm") ? 6 : 12};
  }
  examples["group_norm"] = {.before = map,
                            .attributes = {{"groups", std::int64_t{3}}},
                            .operands = {"x"},
                            .changes = {{"epsilon", 1e-3}, {"groups", std::int64_t{1}}},
                            .type = Batched({3, 9, 8}),
                            .parameters = 6};
  for (const char* op : {"relu6", "silu", "hard_swish", "sigmoid", "tanh", "softmax", "sign"}) {
    examples[op] = {.before = tokens, .operands = {"x"}, .type = Batched({5, 6})};
  }
  examples["leaky_relu"] = {.before = tokens,
                            .operands = {"x"},
                            .changes = {{"slope", std::int64_t{1}}},
                            .type = Batched({5, 6})};
  examples["gelu"] = {.before = tokens,
                      .operands = {"x"},
                      .changes = {{"tanh_approximation", true}},
                      .type = Batched({5, 6})};
  examples["power_of_two"] = {
      .before = tokens,
      .operands = {"x"},
      .changes = {{"min_exponent", std::int64_t{-3}}, {"max_exponent", std::int64_t{1}}},
      .type = Batched({5, 6})};
  examples["drop_path"] = examples["dropout"];
  examples["multiply"] = {.before = {two_maps[0], Input("gate", {3}, 1)},
                          .operands = {"x", "gate", "x"},
                          .type = Batched({3, 9, 8})};
  examples["slice"] = {.before = map,
                       .attributes = {{"axis", std::int64_t{1}},
                                      {"start", std::int64_t{2}},
                                      {"length", std::int64_t{3}}},
                       .operands = {"x"},
                       .changes = {{"axis", std::int64_t{2}},
                                   {"start", std::int64_t{1}},
                                   {"length", std::int64_t{2}}},
                       .type = Batched({3, 3, 8})};
  examples["pad"] = {.before = map,
                     .attributes = {{"before", Ints{1, 0, 2}}, {"after", Ints{0, 3, 0}}},
                     .operands = {"x"},
                     .changes = {{"before", Ints{0, 0, 2}}, {"after", Ints{0, 3, 1}}},
                     .type = Batched({4, 12, 10})};
  examples["transpose"] = {.before = map,
                           .attributes = {{"permutation", Ints{2, 0, 1}}},
                           .operands = {"x"},
                           .changes = {{"permutation", Ints{0, 2, 1}}},
                           .type = Batched({8, 3, 9})};
  examples["tokens"] = {.before = map, .operands = {"x"}, .type = Batched({72, 3})};
  examples["feature_map"] = {
      .before = {Input("x", {1, 6})},
      .attributes = {{"height", std::int64_t{1}}, {"width", std::int64_t{1}}},
      .operands = {"x"},
      .type = Batched({6, 1, 1})};
  examples["upsample"] = {.before = map,
                          .attributes = {{"factors", Ints{2, 3}}},
                          .operands = {"x"},
                          .changes = {{"factors", Ints{2, 2}}, {"mode", std::string("bilinear")}},
                          .type = Batched({3, 18, 24})};
  const ValueType scalar = {tensor::DType::kFloat32, false, {}};
  for (const char* op : {"soft_label_cross_entropy", "binary_cross_entropy", "focal_loss",
                         "mean_squared_error", "kl_divergence"}) {
    examples[op] = {
        .before = {vector[0], Input("z", {6}, 1)}, .operands = {"x", "z"}, .type = scalar};
  }
  examples["focal_loss"].changes = {{"gamma", 1.5}, {"alpha", 0.5}};
  examples["kl_divergence"].changes = {{"temperature", 4.0}};
  examples["softmax_cross_entropy"] = {.before = {vector[0], labels},
                                       .operands = {"x", "labels"},
                                       .changes = {{"label_smoothing", 0.1}},
                                       .type = {tensor::DType::kFloat32, false, {}}};
  return examples;
}

absl::StatusOr<Architecture> Build(const std::string& op, const Example& example,
                                   const Attributes& attributes) {
  std::vector<LayerDef> layers = example.before;
  layers.push_back({"it", op, attributes, example.operands});
  // Alone, it needs no input, which Expand would put in front.
  if (op == "parameter") return Architecture::Create(layers, {{"y", "it"}});
  return Expand(std::move(layers), {{"y", "it"}}, {});
}

class OperatorTest : public testing::TestWithParam<const OperatorSpec*> {
 protected:
  void SetUp() override {
    const auto examples = Examples();
    ASSERT_TRUE(examples.contains(op().name)) << "every operator needs an example here";
    example_ = examples.at(op().name);
  }

  static const OperatorSpec& op() { return *GetParam(); }

  Architecture BuildExample() const {
    auto architecture = Build(op().name, example_, example_.attributes);
    EXPECT_TRUE(architecture.ok()) << architecture.status();
    return *std::move(architecture);
  }

  Example example_;
};

TEST_P(OperatorTest, IsFoundByName) {
  EXPECT_EQ(FindOperator(op().name), &op());
  EXPECT_EQ(*GetOperator(op().name), &op());
}

TEST_P(OperatorTest, DescribesItself) {
  EXPECT_FALSE(op().summary.empty());
  EXPECT_NE(op().infer, nullptr);
  for (const auto* specs : {&op().attributes, &op().construction_attributes}) {
    for (const AttributeSpec& spec : *specs) EXPECT_FALSE(spec.summary.empty()) << spec.name;
  }
}

TEST_P(OperatorTest, DeclaresOperandsInTheirOrder) {
  bool seen_parameter = false;
  bool seen_optional = false;
  for (const OperandSpec& operand : op().operands) {
    const bool is_parameter = operand.kind == OperandSpec::Kind::kParameter;
    EXPECT_FALSE(seen_parameter && !is_parameter) << "data operands come before parameters";
    EXPECT_FALSE(seen_optional && !operand.optional) << "only trailing operands are optional";
    EXPECT_EQ(operand.axes.empty(), !is_parameter) << operand.name;
    seen_parameter |= is_parameter;
    seen_optional |= operand.optional;
  }
  EXPECT_FALSE(seen_parameter && op().expand == nullptr) << "the short form makes parameters";
  EXPECT_EQ(op().operands.empty(), op().channels == ChannelBehaviour::kSource);
}

TEST_P(OperatorTest, InfersTheTypeOfItsExample) {
  const Architecture architecture = BuildExample();
  EXPECT_EQ(architecture.node(architecture.outputs()[0].node).type, example_.type)
      << ToString(architecture.node(architecture.outputs()[0].node).type);
}

TEST_P(OperatorTest, CostEqualsACount) {
  const Architecture architecture = BuildExample();
  const Cost& cost = architecture.cost();
  EXPECT_EQ(cost.parameters, example_.parameters);
  EXPECT_EQ(cost.statistics, example_.statistics);
  EXPECT_EQ(cost.macs, example_.macs);
}

TEST_P(OperatorTest, ParametersHaveOneRoleAnAxis) {
  const Architecture architecture = BuildExample();
  const Node& node = architecture.node(architecture.outputs()[0].node);
  const int count = static_cast<int>(node.operands.size());
  for (int i = 0; i < count; ++i) {
    const OperandSpec& operand = OperandAt(op(), i, count);
    if (operand.kind != OperandSpec::Kind::kParameter) continue;
    EXPECT_EQ(architecture.node(node.operands[i]).type.shape.rank(),
              static_cast<int>(operand.axes.size()))
        << operand.name;
  }
}

TEST_P(OperatorTest, DecodeOfEncodeIsTheIdentity) {
  const Architecture architecture = BuildExample();
  const auto decoded = DecodeArchitecture(EncodeArchitecture(architecture));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->fingerprint(), architecture.fingerprint());
  EXPECT_EQ(EncodeArchitecture(*decoded), EncodeArchitecture(architecture));
}

TEST_P(OperatorTest, AnyChangedAttributeChangesTheFingerprint) {
  const Architecture architecture = BuildExample();
  for (const AttributeSpec& spec : op().attributes) {
    // An input's index is tested with several inputs, below.
    if (op().name == "input" && spec.name == "index") continue;
    // Its attributes change together, below.
    if (op().name == "feature_map") continue;
    ASSERT_TRUE(example_.changes.contains(spec.name)) << spec.name << " needs a change here";
    Attributes changed = example_.attributes;
    changed[spec.name] = example_.changes.at(spec.name);
    const auto other = Build(op().name, example_, changed);
    ASSERT_TRUE(other.ok()) << spec.name << ": " << other.status();
    EXPECT_NE(other->fingerprint(), architecture.fingerprint()) << spec.name;
  }
}

TEST(FeatureMapOperatorTest, HeightAndWidthChangeTheFingerprint) {
  const auto fingerprint = [](std::int64_t height, std::int64_t width) {
    return Architecture::Create(
               {Input("x", {6, 2}),
                {"y", "feature_map", {{"height", height}, {"width", width}}, {"x"}}},
               {{"y", "y"}})
        ->fingerprint();
  };
  EXPECT_NE(fingerprint(2, 3), fingerprint(3, 2));
}

TEST(InputOperatorTest, SwappedIndicesChangeTheFingerprint) {
  const auto fingerprint = [](std::int64_t first) {
    return Architecture::Create(
               {Input("a", {4}, first), Input("b", {4}, 1 - first), {"y", "add", {}, {"a", "b"}}},
               {{"y", "y"}})
        ->fingerprint();
  };
  EXPECT_NE(fingerprint(0), fingerprint(1));
}

// A value that no attribute of this type takes.
AttributeValue OfAnotherType(AttributeType type) {
  if (type == AttributeType::kString) return false;
  return std::string("text");
}

TEST_P(OperatorTest, BadAttributesAreRejectedByName) {
  std::vector<std::pair<std::string, AttributeValue>> bad = {{"nonsense", std::int64_t{1}}};
  for (const auto* specs : {&op().attributes, &op().construction_attributes}) {
    for (const AttributeSpec& spec : *specs) {
      bad.emplace_back(spec.name, OfAnotherType(spec.type));
      const bool ints = spec.type == AttributeType::kInts;
      if (ints && spec.length > 0) bad.emplace_back(spec.name, Ints(spec.length + 1, 1));
      if (!spec.choices.empty()) bad.emplace_back(spec.name, std::string("no such choice"));
      if (spec.type != AttributeType::kInt && spec.type != AttributeType::kDouble && !ints)
        continue;
      for (const double value : {spec.minimum - 1, spec.maximum + 1}) {
        const AttributeValue outside =
            ints ? AttributeValue(Ints(std::max(spec.length, 1), static_cast<std::int64_t>(value)))
                 : AttributeValue(value);
        bad.emplace_back(spec.name, outside);
      }
    }
  }
  for (const auto& [name, value] : bad) {
    Attributes attributes = example_.attributes;
    attributes[name] = value;
    const auto architecture = Build(op().name, example_, attributes);
    const auto violations = base::FieldViolations(architecture.status());
    ASSERT_EQ(violations.size(), 1u) << name << "=" << ToString(value);
    EXPECT_EQ(violations[0].field,
              "layers[" + std::to_string(example_.before.size()) + "].attributes." + name);
  }
}

TEST_P(OperatorTest, TooManyOperandsAreRejected) {
  const Architecture architecture = BuildExample();
  std::vector<LayerDef> layers = architecture.ToLayers();
  LayerDef& it = layers.back();
  ASSERT_EQ(it.id, "it");
  it.operands.resize(kMaxOperands + 1, layers.front().id);
  EXPECT_EQ(Architecture::Create(layers, architecture.ToOutputs()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(Registry, OperatorTest,
                         testing::ValuesIn(AllOperators().begin(), AllOperators().end()),
                         [](const auto& test) { return test.param->name; });

TEST(OperatorRegistryTest, UnknownOperatorIsAnErrorThatListsTheKnownOnes) {
  EXPECT_EQ(FindOperator("conv"), nullptr);
  const auto op = GetOperator("conv");
  EXPECT_EQ(op.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(op.status().message()), testing::HasSubstr("convolution"));
}

TEST(OperatorRegistryTest, EveryExampleIsOfAnOperator) {
  for (const auto& [name, example] : Examples()) EXPECT_NE(FindOperator(name), nullptr) << name;
}

TEST(OperandAtTest, AVariadicOperandTakesAllPositions) {
  const OperatorSpec* add = FindOperator("add");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(OperandAt(*add, i, 5).name, "x");
  const OperatorSpec* linear = FindOperator("linear");
  EXPECT_EQ(OperandAt(*linear, 1, 2).name, "weight");
  EXPECT_EQ(OperandAt(*linear, 2, 3).name, "bias");
}

TEST(InitializerTest, ParseOfNameIsTheIdentity) {
  for (const Initializer initializer : {Initializer::kZeros, Initializer::kOnes,
                                        Initializer::kHeNormal, Initializer::kXavierUniform}) {
    EXPECT_EQ(*ParseInitializer(Name(initializer)), initializer);
  }
  EXPECT_FALSE(ParseInitializer("random").ok());
}

// What the shapes of operands and attributes must be to one another.
TEST(OperatorShapesTest, MisfitsAreNamed) {
  struct Misfit {
    std::string op;
    Attributes attributes;
    std::vector<Ints> inputs;
    std::string message;
  };
  const auto integer = [](std::int64_t value) { return AttributeValue(value); };
  for (const Misfit& misfit : std::vector<Misfit>{
           {"convolution",
            {{"filters", integer(4)}, {"kernel", integer(1)}, {"groups", integer(3)}},
            {{6, 2, 2}},
            "attribute groups must divide the operand's 6 channels and the result's 4"},
           {"linear",
            {{"units", integer(4)}},
            {{6, 2, 2}},
            "operand x must be float32 of shape [F] or [T,F]"},
           {"matmul", {}, {{2, 3}, {2, 3}}, "operand b must be [3,M], got float32[N,2,3]"},
           {"attention", {}, {{2, 3}, {2, 4}, {2, 3}}, "operand key must be [Tk,3] as the query"},
           {"attention", {}, {{2, 3}, {4, 3}, {2, 3}}, "operand value must be [4,Dv] as the key"},
           {"attention",
            {{"heads", integer(2)}},
            {{2, 3}, {2, 3}, {2, 3}},
            "attribute heads must divide the query's 3"},
           {"embedding",
            {{"vocabulary", integer(2)}, {"units", integer(2)}},
            {{3}},
            "operand ids must be int32"},
           {"layer_norm", {}, {{2, 3, 4, 5}}, "operand x must be float32 of shape [C,H,W]"},
           {"group_norm", {{"groups", integer(2)}}, {{3, 2, 2}}, "attribute groups must divide"},
           {"multiply", {}, {{3, 2, 2}, {2}}, "operand x[1] is float32[N,2]"},
           {"slice",
            {{"start", integer(2)}, {"length", integer(2)}},
            {{3, 2}},
            "attributes start and length, 2 and 2, go beyond the 3 elements of axis 0"},
           {"slice",
            {{"axis", integer(2)}, {"start", integer(0)}, {"length", integer(1)}},
            {{3, 2}},
            "attribute axis must be an axis of operand x"},
           {"pad",
            {{"before", Ints{0}}, {"after", Ints{0, 0}}},
            {{3, 2}},
            "attribute before must have one element an axis"},
           {"transpose", {{"permutation", Ints{0, 0}}}, {{3, 2}}, "must hold each of 0 to 1 once"},
           {"feature_map",
            {{"height", integer(2)}, {"width", integer(2)}},
            {{3, 2}},
            "do not make the operand's 3 tokens"},
           {"power_of_two",
            {{"min_exponent", integer(1)}},
            {{3}},
            "min_exponent, 1, is above max_exponent, 0"},
           {"kl_divergence", {}, {{3}, {4}}, "operand teacher must be float32[N,3] as student"}}) {
    std::vector<LayerDef> layers;
    std::vector<std::string> operands;
    for (std::size_t i = 0; i < misfit.inputs.size(); ++i) {
      operands.push_back("x" + std::to_string(i));
      layers.push_back(Input(operands.back(), misfit.inputs[i], static_cast<std::int64_t>(i)));
    }
    layers.push_back({"it", misfit.op, misfit.attributes, operands});
    const auto architecture = Expand(layers, {}, {});
    EXPECT_EQ(architecture.status().code(), absl::StatusCode::kInvalidArgument) << misfit.op;
    EXPECT_THAT(std::string(architecture.status().message()), testing::HasSubstr(misfit.message));
  }
}

TEST(NeutralDefaultTest, LeavesEncodingDefinitionsAndTextAsTheyWere) {
  const auto build = [](Attributes attributes) {
    attributes["filters"] = std::int64_t{6};
    attributes["kernel"] = std::int64_t{3};
    return *Expand({{"it", "convolution", attributes, {}}}, {}, {.input_shape = {6, 4, 4}});
  };
  const Architecture plain = build({});
  const Architecture spelled = build({{"groups", std::int64_t{1}}, {"dilation", std::int64_t{1}}});
  EXPECT_EQ(plain.fingerprint(), spelled.fingerprint());
  EXPECT_EQ(EncodeArchitecture(spelled).find("groups"), std::string::npos);
  EXPECT_FALSE(spelled.ToLayers().back().attributes.contains("groups"));
  EXPECT_EQ(Render(spelled).find("dilation"), std::string::npos);
  EXPECT_EQ(GetInt(spelled.node(spelled.outputs()[0].node).attributes, "groups"), 1);
  EXPECT_NE(build({{"groups", std::int64_t{6}}}).fingerprint(), plain.fingerprint());
}

TEST(AttentionTest, ShortFormTakesTheScaleFromTheWidthOfAHead) {
  const auto architecture = Expand(
      {Input("q", {3, 8}), {"it", "attention", {{"heads", std::int64_t{2}}}, {"q", "q", "q"}}}, {},
      {});
  ASSERT_TRUE(architecture.ok()) << architecture.status();
  const Attributes& attributes = architecture->node(*architecture->FindNode("it")).attributes;
  EXPECT_EQ(GetDouble(attributes, "scale"), 0.5);
}

// floor((extent + padding - kernel) / stride) + 1, against placing the windows.
TEST(WindowTest, ExtentEqualsTheNumberOfWindows) {
  for (const char* op : {"max_pool", "average_pool"}) {
    for (std::int64_t extent = 1; extent <= 7; ++extent) {
      for (std::int64_t kernel = 1; kernel <= 4; ++kernel) {
        for (std::int64_t stride = 1; stride <= 3; ++stride) {
          for (std::int64_t before = 0; before < kernel; ++before) {
            const Attributes attributes = {{"kernel", Ints{kernel, 1}},
                                           {"strides", Ints{stride, 1}},
                                           {"padding", Ints{before, 0, 0, 0}}};
            const auto architecture =
                Expand({{"it", op, attributes, {}}}, {}, {.input_shape = {1, extent, 1}});
            const std::int64_t expected = WindowPositions(extent, kernel, stride, before, 0);
            ASSERT_EQ(architecture.ok(), expected > 0);
            if (expected == 0) continue;
            EXPECT_EQ(architecture->node(architecture->outputs()[0].node).type.shape.dim(1),
                      expected);
          }
        }
      }
    }
  }
}

// The last window of ceil mode begins on the operand or before it.
TEST(WindowTest, CeilModeAddsTheWindowThatReachesOut) {
  for (std::int64_t extent = 2; extent <= 9; ++extent) {
    for (std::int64_t stride = 1; stride <= 4; ++stride) {
      for (std::int64_t padding = 0; padding < 2; ++padding) {
        const auto architecture = Expand({{"it",
                                           "max_pool",
                                           {{"kernel", Ints{2, 1}},
                                            {"strides", Ints{stride, 1}},
                                            {"padding", Ints{padding, 0, padding, 0}},
                                            {"ceil_mode", true}},
                                           {}}},
                                         {}, {.input_shape = {1, extent, 1}});
        ASSERT_TRUE(architecture.ok()) << architecture.status();
        std::int64_t windows = 0;
        for (std::int64_t start = -padding; start < extent; start += stride) {
          ++windows;
          if (start + 2 >= extent + padding) break;
        }
        EXPECT_EQ(architecture->node(architecture->outputs()[0].node).type.shape.dim(1), windows)
            << extent << " " << stride << " " << padding;
      }
    }
  }
}

}  // namespace
}  // namespace graft::arch
