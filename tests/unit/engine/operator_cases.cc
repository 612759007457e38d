#include "tests/unit/engine/operator_cases.h"

#include <functional>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/arch/expand.h"
#include "common/arch/operator_registry.h"
#include "common/base/check.h"
#include "tests/unit/engine/testing.h"

namespace graft::engine::testing {
namespace {

using Ints = std::vector<std::int64_t>;
using Cases = std::vector<std::pair<std::string, arch::Architecture>>;

// Channels that are no multiple of a vector, and some that are.
constexpr std::int64_t kChannels[] = {1, 3, 4, 5, 12, 17, 40};

arch::LayerDef Conv(std::int64_t filters, const Ints& kernel, bool bias = false,
                    arch::Attributes more = {}) {
  more.insert({{"filters", filters}, {"kernel", kernel}, {"bias", bias}});
  return Layer("convolution", std::move(more));
}

// A 1x1 convolution in front, so that the operand of what follows depends on parameters.
arch::LayerDef Stem(std::int64_t channels) { return Conv(channels, {1, 1}); }

arch::Architecture Around(const tensor::Shape& input, std::vector<arch::LayerDef> layers) {
  return WithLoss(Classifier(input, std::move(layers)));
}

Cases Convolutions() {
  Cases cases;
  for (const std::int64_t channels : kChannels) {
    cases.emplace_back(absl::StrCat("Channels", channels),
                       Around({2, 5, 6}, {Stem(channels), Conv(7, {3, 3})}));
    cases.emplace_back(absl::StrCat("Filters", channels),
                       Around({2, 5, 6}, {Stem(6), Conv(channels, {3, 3}, true)}));
  }
  cases.emplace_back("OneInputChannel", Around({1, 7, 7}, {Conv(4, {3, 3}), Conv(4, {5, 5})}));
  cases.emplace_back("Oblong", Around({3, 6, 8}, {Stem(5), Conv(4, {1, 3}, true)}));
  cases.emplace_back("Even", Around({3, 6, 8}, {Stem(5), Conv(4, {2, 4})}));
  cases.emplace_back(
      "Strides", Around({3, 9, 8}, {Stem(5), Conv(12, {3, 3}, false, {{"strides", Ints{2, 3}}})}));
  cases.emplace_back(
      "PointwiseStrides",
      Around({3, 7, 7}, {Stem(8), Conv(16, {1, 1}, false,
                                       {{"strides", Ints{2, 2}}, {"padding", Ints{0, 0, 0, 0}}})}));
  cases.emplace_back(
      "AsymmetricPadding",
      Around({3, 6, 6}, {Stem(4), Conv(5, {3, 4}, true, {{"padding", Ints{2, 0, 1, 3}}})}));
  cases.emplace_back(
      "Valid",
      Around({3, 6, 6}, {Stem(4), Conv(5, {3, 3}, false, {{"padding", Ints{0, 0, 0, 0}}})}));
  return cases;
}

Cases Linears() {
  Cases cases;
  for (const std::int64_t units : kChannels) {
    cases.emplace_back(
        absl::StrCat("Units", units),
        Around({11}, {Layer("linear", {{"units", units}}),
                      Layer("linear", {{"units", std::int64_t{9}}, {"bias", units % 2 == 0}})}));
  }
  return cases;
}

Cases BatchNorms() {
  Cases cases;
  for (const std::int64_t channels : kChannels) {
    cases.emplace_back(absl::StrCat("Channels", channels),
                       Around({2, 4, 5}, {Stem(channels), Layer("batch_norm")}));
    cases.emplace_back(absl::StrCat("WithRelu", channels),
                       Around({2, 4, 5}, {Stem(channels), Layer("batch_norm"), Layer("relu")}));
    cases.emplace_back(
        absl::StrCat("Features", channels),
        Around({6}, {Layer("linear", {{"units", channels}}), Layer("batch_norm"), Layer("relu")}));
  }
  cases.emplace_back(
      "Attributes",
      Around({2, 4, 5}, {Stem(3), Layer("batch_norm", {{"epsilon", 0.01}, {"momentum", 0.3}})}));
  cases.emplace_back(
      "OperandUsedTwice",
      Around({2, 4, 5}, {Stem(3), Layer("batch_norm", {}, {"convolution_1"}, "b"),
                         Layer("relu", {}, {"convolution_1"}, "r"), Layer("add", {}, {"b", "r"})}));
  return cases;
}

Cases GroupedConvolutions() {
  Cases cases;
  const auto groups = [](std::int64_t count) -> arch::Attributes { return {{"groups", count}}; };
  for (const std::int64_t channels : kChannels) {
    cases.emplace_back(
        absl::StrCat("Depthwise", channels),
        Around({2, 5, 6}, {Stem(channels), Conv(channels, {3, 3}, false, groups(channels))}));
  }
  for (const std::int64_t count : {2, 3, 8}) {
    cases.emplace_back(absl::StrCat("Groups", count),
                       Around({2, 5, 6}, {Stem(24), Conv(48, {3, 3}, count == 3, groups(count))}));
  }
  arch::Attributes depthwise = groups(6);
  depthwise["strides"] = Ints{2, 3};
  depthwise["dilation"] = Ints{2, 1};
  cases.emplace_back("DepthwiseStridesDilationBias",
                     Around({2, 9, 8}, {Stem(6), Conv(6, {3, 2}, true, depthwise)}));
  for (const std::int64_t channels : {3, 16, 21}) {
    cases.emplace_back(
        absl::StrCat("DepthwiseLarge", channels),
        Around({2, 7, 6}, {Stem(channels), Conv(channels, {5, 4}, true, groups(channels))}));
  }
  depthwise["padding"] = Ints{4, 1, 3, 0};
  cases.emplace_back("DepthwiseLargeStridesDilation",
                     Around({2, 9, 8}, {Stem(6), Conv(6, {4, 4}, false, depthwise)}));
  cases.emplace_back("DepthwiseMultiplier",
                     Around({2, 5, 6}, {Stem(3), Conv(6, {3, 3}, true, groups(3))}));
  cases.emplace_back(
      "Dilation", Around({2, 9, 8}, {Stem(5), Conv(7, {3, 3}, false, {{"dilation", Ints{2, 3}}})}));
  cases.emplace_back(
      "GroupsOperandUsedTwice",
      Around(
          {2, 4, 5},
          {Stem(4),
           Layer(
               "convolution",
               {{"filters", std::int64_t{4}}, {"kernel", Ints{3, 3}}, {"groups", std::int64_t{4}}},
               {"convolution_1"}, "a"),
           Layer(
               "convolution",
               {{"filters", std::int64_t{4}}, {"kernel", Ints{3, 3}}, {"groups", std::int64_t{2}}},
               {"convolution_1"}, "b"),
           Layer("add", {}, {"a", "b"})}));
  return cases;
}

// Tokens [T, channels] that depend on parameters.
arch::LayerDef TokenStem(std::int64_t channels) { return Layer("linear", {{"units", channels}}); }

Cases AllConvolutions() {
  Cases cases = Convolutions();
  for (auto& one : GroupedConvolutions()) cases.push_back(std::move(one));
  return cases;
}

// One operand, any shape: pictures, tokens, features; a value that two layers take.
Cases Unary(const std::string& op, const std::vector<arch::Attributes>& variants = {{}}) {
  Cases cases;
  for (std::size_t i = 0; i < variants.size(); ++i) {
    const auto layer = [&] { return Layer(op, variants[i]); };
    cases.emplace_back(absl::StrCat("Picture", i), Around({2, 4, 5}, {Stem(5), layer()}));
    cases.emplace_back(absl::StrCat("Tokens", i), Around({3, 4}, {TokenStem(17), layer()}));
    cases.emplace_back(absl::StrCat("Features", i),
                       Around({6}, {Layer("linear", {{"units", std::int64_t{9}}}), layer()}));
    cases.emplace_back(absl::StrCat("UsedTwice", i),
                       Around({2, 4, 5}, {Stem(3), Layer(op, variants[i], {"convolution_1"}, "a"),
                                          Layer("relu", {}, {"convolution_1"}, "b"),
                                          Layer("add", {}, {"a", "b"})}));
  }
  return cases;
}

Cases GroupNorms() {
  Cases cases;
  for (const std::int64_t groups : {1, 2, 6}) {
    const auto layer = [&] { return Layer("group_norm", {{"groups", groups}}); };
    cases.emplace_back(absl::StrCat("Groups", groups), Around({2, 4, 5}, {Stem(6), layer()}));
    if (groups == 6) continue;  // of one feature each: nothing is left of the operand
    cases.emplace_back(absl::StrCat("Features", groups),
                       Around({6}, {Layer("linear", {{"units", std::int64_t{6}}}), layer()}));
  }
  return cases;
}

Cases TokenLinears() {
  Cases cases = Linears();
  cases.emplace_back("Tokens", Around({3, 4}, {TokenStem(17), TokenStem(5)}));
  cases.emplace_back(
      "TokensUsedTwice",
      Around({3, 4},
             {TokenStem(6), Layer("linear", {{"units", std::int64_t{5}}}, {"linear_1"}, "a"),
              Layer("linear", {{"units", std::int64_t{5}}, {"bias", false}}, {"linear_1"}, "b"),
              Layer("add", {}, {"a", "b"})}));
  return cases;
}

Cases Matmuls() {
  const auto branch = [](std::string id, std::int64_t units) {
    return Layer("linear", {{"units", units}}, {"input"}, std::move(id));
  };
  return {
      {"Plain", Around({4, 3}, {branch("a", 4), branch("b", 6), Layer("matmul", {}, {"a", "b"})})},
      {"TransposeB", Around({4, 3}, {branch("a", 5), branch("b", 5),
                                     Layer("matmul", {{"transpose_b", true}}, {"a", "b"})})},
      {"OneOperandTwice", Around({4, 3}, {branch("a", 4), Layer("matmul", {}, {"a", "a"})})}};
}

Cases Attentions() {
  const auto branch = [](std::string id, std::string of, std::int64_t units) {
    return Layer("linear", {{"units", units}}, {std::move(of)}, std::move(id));
  };
  Cases cases;
  for (const std::int64_t heads : {1, 3}) {
    for (const bool causal : {false, true}) {
      cases.emplace_back(
          absl::StrCat("Heads", heads, causal ? "Causal" : ""),
          Around({5, 4},
                 {branch("q", "input", 6), branch("k", "input", 6), branch("v", "input", 9),
                  Layer("attention", {{"heads", heads}, {"causal", causal}}, {"q", "k", "v"})}));
    }
  }
  // Keys and values of fewer tokens, a scale of its own.
  cases.emplace_back(
      "Reduced",
      Around({6, 4},
             {Layer("slice", {{"start", std::int64_t{1}}, {"length", std::int64_t{3}}}, {"input"},
                    "few"),
              branch("q", "input", 4), branch("k", "few", 4), branch("v", "few", 6),
              Layer("attention", {{"heads", std::int64_t{2}}, {"scale", 0.3}}, {"q", "k", "v"})}));
  cases.emplace_back(
      "OneOperandThrice",
      Around({5, 4}, {branch("x", "input", 6),
                      Layer("attention", {{"heads", std::int64_t{2}}}, {"x", "x", "x"})}));
  return cases;
}

Cases Embeddings() {
  const auto input = [](Ints shape) {
    return Layer("input", {{"shape", std::move(shape)}, {"dtype", std::string("int32")}}, {},
                 "input");
  };
  const auto embedding = [](std::int64_t units) {
    return Layer("embedding", {{"vocabulary", std::int64_t{5}}, {"units", units}}, {"input"});
  };
  return {{"Tokens", Around({}, {input({7}), embedding(6)})},
          {"Scalar", Around({}, {input({}), embedding(9)})}};
}

Cases Relus() {
  Cases cases;
  for (const std::int64_t channels : kChannels) {
    cases.emplace_back(absl::StrCat("Channels", channels),
                       Around({2, 4, 5}, {Stem(channels), Layer("relu")}));
  }
  cases.emplace_back("Features",
                     Around({6}, {Layer("linear", {{"units", std::int64_t{9}}}), Layer("relu")}));
  // The second ReLU hands its gradient over first.
  cases.emplace_back("OperandUsedTwice",
                     Around({2, 4, 5}, {Stem(3), Layer("relu", {}, {"convolution_1"}, "a"),
                                        Layer("relu", {}, {"convolution_1"}, "b"),
                                        Layer("concat", {}, {"a", "b"})}));
  return cases;
}

Cases Dropouts() {
  Cases cases;
  for (const std::int64_t channels : kChannels) {
    cases.emplace_back(absl::StrCat("Channels", channels),
                       Around({2, 4, 5}, {Stem(channels), Layer("dropout", {{"rate", 0.4}})}));
  }
  cases.emplace_back("Features", Around({6}, {Layer("linear", {{"units", std::int64_t{9}}}),
                                              Layer("dropout", {{"rate", 0.25}})}));
  return cases;
}

Cases WindowPools(const std::string& op) {
  Cases cases;
  for (const std::int64_t channels : kChannels) {
    cases.emplace_back(absl::StrCat("Channels", channels),
                       Around({2, 6, 7}, {Stem(channels), Layer(op, {{"kernel", Ints{2, 2}}})}));
  }
  cases.emplace_back("Overlapping",
                     Around({2, 7, 8}, {Stem(5), Layer(op, {{"kernel", Ints{3, 2}},
                                                            {"strides", Ints{2, 1}},
                                                            {"padding", Ints{1, 0, 2, 1}}})}));
  cases.emplace_back(
      "Gaps",
      Around({2, 7, 8}, {Stem(5), Layer(op, {{"kernel", Ints{2, 1}}, {"strides", Ints{3, 3}}})}));
  cases.emplace_back(
      "OperandUsedTwice",
      Around({2, 4, 4}, {Stem(3), Layer(op, {{"kernel", Ints{2, 2}}}, {"convolution_1"}, "a"),
                         Layer("convolution",
                               {{"filters", std::int64_t{3}},
                                {"kernel", Ints{1, 1}},
                                {"strides", Ints{2, 2}},
                                {"bias", false}},
                               {"convolution_1"}, "b"),
                         Layer("add", {}, {"a", "b"})}));
  return cases;
}

Cases CeilPools(const std::string& op) {
  Cases cases = WindowPools(op);
  cases.emplace_back("CeilMode",
                     Around({2, 6, 8}, {Stem(5), Layer(op, {{"kernel", Ints{3, 2}},
                                                            {"strides", Ints{2, 3}},
                                                            {"padding", Ints{1, 0, 0, 1}},
                                                            {"ceil_mode", true}})}));
  return cases;
}

Cases GlobalPools(const std::string& op) {
  Cases cases;
  for (const std::int64_t channels : kChannels) {
    cases.emplace_back(absl::StrCat("Channels", channels),
                       Around({2, 5, 4}, {Stem(channels), Layer(op)}));
  }
  return cases;
}

Cases Flattens() {
  Cases cases;
  for (const std::int64_t channels : kChannels) {
    cases.emplace_back(absl::StrCat("Channels", channels), Around({2, 3, 4}, {Stem(channels)}));
  }
  cases.emplace_back("OperandUsedTwice",
                     Around({2, 3, 4}, {Stem(4), Layer("flatten", {}, {"convolution_1"}, "a"),
                                        Layer("flatten", {}, {"convolution_1"}, "b"),
                                        Layer("concat", {}, {"a", "b"})}));
  return cases;
}

Cases Joins(const std::string& op) {
  const auto branch = [](std::string id, std::int64_t channels) {
    return Layer("convolution", {{"filters", channels}, {"kernel", Ints{3, 3}}, {"bias", false}},
                 {"input"}, std::move(id));
  };
  Cases cases;
  for (const std::int64_t channels : kChannels) {
    const std::int64_t other = op == "concat" ? channels + 2 : channels;
    cases.emplace_back(
        absl::StrCat("Channels", channels),
        Around({2, 4, 5}, {branch("a", channels), branch("b", other), Layer(op, {}, {"a", "b"})}));
  }
  cases.emplace_back("Three", Around({2, 4, 5}, {branch("a", 3), branch("b", 3), branch("c", 3),
                                                 Layer(op, {}, {"a", "b", "c"})}));
  cases.emplace_back("OneOperandTwice", Around({2, 4, 5}, {branch("a", 3), branch("b", 3),
                                                           Layer(op, {}, {"a", "b", "a"})}));
  cases.emplace_back("Features",
                     Around({6}, {Layer("linear", {{"units", std::int64_t{5}}}, {"input"}, "a"),
                                  Layer("linear", {{"units", std::int64_t{5}}}, {"input"}, "b"),
                                  Layer(op, {}, {"a", "b"})}));
  return cases;
}

// Operands that are repeated, and operands that are not batched.
Cases Elementwise(const std::string& op) {
  const auto parameter = [](std::string id, Ints shape) {
    return Layer("parameter",
                 {{"name", std::string("gamma")},
                  {"shape", std::move(shape)},
                  {"initializer", std::string("ones")}},
                 {}, std::move(id));
  };
  const auto stem = [] { return Conv(3, {1, 1}); };
  Cases cases = Joins(op);
  cases.emplace_back("Gate",
                     Around({2, 4, 5}, {stem(), Layer("global_average_pool", {}, {}, "mean"),
                                        Layer("linear", {{"units", std::int64_t{3}}}, {}, "gate"),
                                        Layer(op, {}, {"convolution_1", "gate"})}));
  cases.emplace_back("OneElement",
                     Around({2, 4, 5}, {stem(), Layer("global_average_pool", {}, {}, "mean"),
                                        Layer("linear", {{"units", std::int64_t{1}}}, {}, "gate"),
                                        Layer(op, {}, {"convolution_1", "gate"})}));
  cases.emplace_back(
      "ChannelParameter",
      Around({2, 4, 5}, {stem(), parameter("p", {3}), Layer(op, {}, {"convolution_1", "p"})}));
  cases.emplace_back("PictureParameter",
                     Around({2, 4, 5}, {stem(), parameter("p", {3, 4, 5}),
                                        Layer(op, {}, {"convolution_1", "p"})}));
  cases.emplace_back(
      "ScalarParameter",
      Around({2, 4, 5}, {stem(), parameter("p", {1}), Layer(op, {}, {"convolution_1", "p", "p"})}));
  cases.emplace_back("TokenParameters",
                     Around({4, 3}, {TokenStem(5), parameter("p", {4, 5}), parameter("q", {5}),
                                     Layer(op, {}, {"linear_1", "p", "q"})}));
  return cases;
}

using Variants = std::vector<std::pair<std::string, arch::Attributes>>;

// Of a picture, tokens or features, batched; attributes by the shape.
Cases Moves(const std::string& op, const Variants& picture, const Variants& tokens,
            const Variants& features) {
  Cases cases;
  for (const auto& [name, attributes] : picture) {
    cases.emplace_back("Picture" + name, Around({2, 4, 5}, {Stem(3), Layer(op, attributes)}));
    cases.emplace_back("PictureUsedTwice" + name,
                       Around({2, 4, 5}, {Stem(3), Layer(op, attributes, {"convolution_1"}, "a"),
                                          Layer(op, attributes, {"convolution_1"}, "b"),
                                          Layer("add", {}, {"a", "b"})}));
  }
  for (const auto& [name, attributes] : tokens) {
    cases.emplace_back("Tokens" + name, Around({4, 3}, {TokenStem(6), Layer(op, attributes)}));
  }
  for (const auto& [name, attributes] : features) {
    cases.emplace_back(
        "Features" + name,
        Around({4}, {Layer("linear", {{"units", std::int64_t{7}}}), Layer(op, attributes)}));
  }
  return cases;
}

Cases Slices() {
  const auto slice = [](std::int64_t axis, std::int64_t start, std::int64_t length) {
    return arch::Attributes{{"axis", axis}, {"start", start}, {"length", length}};
  };
  return Moves(
      "slice",
      {{"Channels", slice(0, 1, 2)}, {"Rows", slice(1, 1, 2)}, {"Columns", slice(2, 2, 3)}},
      {{"First", slice(0, 0, 1)}, {"Features", slice(1, 2, 3)}}, {{"", slice(0, 3, 2)}});
}

Cases Pads() {
  const auto pad = [](Ints before, Ints after) {
    return arch::Attributes{{"before", std::move(before)}, {"after", std::move(after)}};
  };
  return Moves("pad", {{"All", pad({1, 0, 2}, {0, 1, 3})}, {"Channels", pad({0, 0, 0}, {2, 0, 0})}},
               {{"", pad({1, 0}, {0, 2})}}, {{"", pad({2}, {1})}});
}

Cases Transposes() {
  const auto transpose = [](Ints permutation) {
    return arch::Attributes{{"permutation", std::move(permutation)}};
  };
  return Moves(
      "transpose",
      {{"201", transpose({2, 0, 1})}, {"021", transpose({0, 2, 1})}, {"210", transpose({2, 1, 0})}},
      {{"10", transpose({1, 0})}}, {});
}

Cases Upsamples() {
  Variants variants;
  for (const std::string mode : {"nearest", "bilinear"}) {
    for (const Ints& factors : {Ints{2, 2}, Ints{3, 1}}) {
      variants.push_back({absl::StrCat(mode, factors[0]), {{"factors", factors}, {"mode", mode}}});
    }
  }
  return Moves("upsample", variants, {}, {});
}

Cases PairLosses(const std::string& op, const std::vector<arch::Attributes>& variants = {{}}) {
  const auto loss = [](std::vector<arch::LayerDef> layers) {
    absl::StatusOr<arch::Architecture> architecture =
        arch::Expand(std::move(layers), {{"loss", "loss"}, {"prediction", "prediction"}}, {});
    GRAFT_CHECK_OK(architecture.status());
    return *std::move(architecture);
  };
  const auto input = [](std::string id, std::int64_t index, Ints shape) {
    return Layer("input", {{"index", index}, {"shape", std::move(shape)}}, {}, std::move(id));
  };
  const auto linear = [](std::string of, std::string id) {
    return Layer("linear", {{"units", std::int64_t{5}}}, {std::move(of)}, std::move(id));
  };
  Cases cases;
  for (std::size_t i = 0; i < variants.size(); ++i) {
    cases.emplace_back(absl::StrCat("Features", i),
                       loss({input("x", 0, {7}), input("t", 1, {5}), linear("x", "prediction"),
                             Layer(op, variants[i], {"prediction", "t"}, "loss")}));
    cases.emplace_back(
        absl::StrCat("Tokens", i),
        loss({input("x", 0, {3, 7}), input("t", 1, {3, 5}), linear("x", "prediction"),
              Layer(op, variants[i], {"prediction", "t"}, "loss")}));
    // The target learns, too.
    cases.emplace_back(absl::StrCat("Both", i),
                       loss({input("x", 0, {7}), linear("x", "prediction"), linear("x", "other"),
                             Layer("softmax", {}, {"other"}, "target"),
                             Layer(op, variants[i], {"prediction", "target"}, "loss")}));
  }
  return cases;
}

Cases Losses() {
  Cases cases;
  for (const double smoothing : {0.0, 0.1, 1.0}) {
    cases.emplace_back(absl::StrCat("Smoothing", static_cast<int>(smoothing * 10)),
                       WithLoss(Classifier({7}, {}, 5), smoothing));
  }
  return cases;
}

Cases Inputs() {
  return {{"Images", Around({3, 4, 5}, {Conv(4, {3, 3})})},
          {"Features", Around({6}, {})},
          {"Pixels", Around({5, 1, 1}, {Conv(4, {1, 1})})}};
}

// One weight in two layers; one that is not trained.
Cases Parameters() {
  const auto parameter = [](std::string id, Ints shape, bool trainable) {
    return Layer("parameter",
                 {{"name", std::string("weight")},
                  {"shape", std::move(shape)},
                  {"initializer", std::string("he_normal")},
                  {"trainable", trainable}},
                 {}, std::move(id));
  };
  return {{"SharedConvolution",
           Around({3, 4, 5},
                  {parameter("w", {3, 3, 3, 3}, true),
                   Layer("convolution", {{"padding", Ints{1, 1, 1, 1}}}, {"input", "w"}),
                   Layer("convolution", {{"padding", Ints{1, 1, 1, 1}}}, {"convolution_1", "w"})})},
          {"SharedLinear",
           Around({6}, {parameter("w", {6, 6}, true), Layer("linear", {}, {"input", "w"}, "a"),
                        Layer("linear", {}, {"a", "w"})})},
          {"Frozen", Around({3, 4, 5}, {Conv(3, {1, 1}), parameter("w", {3, 3, 3, 3}, false),
                                        Layer("convolution", {}, {"convolution_1", "w"}, "c")})}};
}

// Layers whose weight is computed: it is masked, sliced, quantised, a product, and taken by two
// layers.
Cases ComputedWeights(const std::string& op, const arch::Attributes& attributes) {
  const auto parameter = [](std::string id, Ints shape, bool trainable = true) {
    return Layer("parameter",
                 {{"name", id},
                  {"shape", std::move(shape)},
                  {"initializer", std::string(trainable ? "he_normal" : "ones")},
                  {"trainable", trainable}},
                 {}, id);
  };
  // `op` makes "w" of the parameter "latent" (and "mask"); the weight has 3 to 3 channels.
  const auto layer = [&](const Ints& shape) {
    Ints latent = shape;
    arch::Attributes fitted = attributes;
    if (op == "slice") {
      const std::int64_t axis = arch::GetInt(attributes, "axis");
      fitted["length"] = shape[axis];
      latent[axis] += 2;
    }
    std::vector<arch::LayerDef> layers = {parameter("latent", latent)};
    std::vector<std::string> operands = {"latent"};
    if (op == "multiply") {
      layers.push_back(parameter("mask", shape, /*trainable=*/false));
      operands.push_back("mask");
    }
    layers.push_back(Layer(op, fitted, operands, "w"));
    return layers;
  };
  std::vector<arch::LayerDef> convolution = layer({3, 3, 3, 3});
  for (const std::string of : {"input", "c1"}) {
    convolution.push_back(Layer("convolution", {{"padding", Ints{1, 1, 1, 1}}}, {of, "w"},
                                of == "input" ? "c1" : "c2"));
  }
  std::vector<arch::LayerDef> linear = layer({6, 6});
  for (const std::string of : {"input", "l1"}) {
    linear.push_back(Layer("linear", {}, {of, "w"}, of == "input" ? "l1" : "l2"));
  }
  std::vector<arch::LayerDef> depthwise = layer({3, 1, 3, 3});
  depthwise.push_back(Layer("convolution", {{"groups", std::int64_t{3}}}, {"input", "w"}, "c1"));
  const std::string suffix =
      attributes.contains("axis") ? absl::StrCat(arch::GetInt(attributes, "axis")) : "";
  Cases cases;
  cases.emplace_back("ConvolutionWeight" + suffix, Around({3, 4, 5}, std::move(convolution)));
  cases.emplace_back("LinearWeight" + suffix, Around({6}, std::move(linear)));
  if (op != "slice" || arch::GetInt(attributes, "axis") == 0) {
    cases.emplace_back("DepthwiseWeight", Around({3, 4, 5}, std::move(depthwise)));
  }
  return cases;
}

// A low-rank weight; a mixture whose shares are learnt (H. Liu et al., "DARTS", ICLR 2019).
Cases ComputedByProduct() {
  const auto parameter = [](std::string id, Ints shape) {
    return Layer(
        "parameter",
        {{"name", id}, {"shape", std::move(shape)}, {"initializer", std::string("he_normal")}}, {},
        id);
  };
  return {{"LowRankWeight", Around({6}, {parameter("a", {5, 2}), parameter("b", {2, 6}),
                                         Layer("matmul", {}, {"a", "b"}, "w"),
                                         Layer("linear", {}, {"input", "w"}), Layer("relu")})}};
}

Cases LearntShare() {
  return {{"LearntShare",
           Around({2, 4, 5},
                  {Layer("parameter",
                         {{"name", std::string("alpha")},
                          {"shape", Ints{2}},
                          {"initializer", std::string("ones")}},
                         {}, "alpha"),
                   Layer("softmax", {}, {"alpha"}, "shares"),
                   Layer("slice", {{"start", std::int64_t{1}}, {"length", std::int64_t{1}}},
                         {"shares"}, "share"),
                   Layer("convolution", {{"filters", std::int64_t{3}}, {"kernel", Ints{1, 1}}},
                         {"input"}, "c"),
                   Layer("multiply", {}, {"c", "share"})})}};
}

Cases Concatenated(std::initializer_list<Cases> parts) {
  Cases all;
  for (const Cases& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

// All shapes, and weights.
Cases Quantisers(const std::string& op, const std::vector<arch::Attributes>& variants) {
  return Concatenated({Unary(op, variants), ComputedWeights(op, variants[0])});
}

bool IsStraightThrough(const std::string& op) { return op == "sign" || op == "power_of_two"; }

}  // namespace

std::vector<OperatorCase> CasesOf(const std::string& op) {
  static const auto* const makers = new std::map<std::string, std::function<Cases()>>{
      {"add", [] { return Elementwise("add"); }},
      {"attention", Attentions},
      {"average_pool", [] { return CeilPools("average_pool"); }},
      {"batch_norm", BatchNorms},
      {"binary_cross_entropy", [] { return PairLosses("binary_cross_entropy"); }},
      {"concat",
       [] {
         return Concatenated(
             {Joins("concat"),
              {{"Tokens",
                Around({4, 3}, {TokenStem(5), Layer("concat", {}, {"linear_1", "input"})})}}});
       }},
      {"convolution", AllConvolutions},
      {"drop_path",
       [] {
         return Unary("drop_path", {{{"rate", 0.4}}});
       }},
      {"dropout",
       [] {
         return Concatenated({Dropouts(), Unary("dropout", {{{"rate", 0.4}}})});
       }},
      {"embedding", Embeddings},
      {"feature_map",
       [] {
         return Cases{{"Tokens", Around({6, 3}, {TokenStem(5),
                                                 Layer("feature_map", {{"height", std::int64_t{2}},
                                                                       {"width", std::int64_t{3}}}),
                                                 Conv(2, {3, 3})})}};
       }},
      {"flatten", Flattens},
      {"focal_loss",
       [] {
         return PairLosses("focal_loss", {{}, {{"gamma", 0.0}}, {{"gamma", 0.5}, {"alpha", 0.7}}});
       }},
      {"gelu",
       [] {
         return Unary("gelu", {{}, {{"tanh_approximation", true}}});
       }},
      {"global_average_pool", [] { return GlobalPools("global_average_pool"); }},
      {"global_max_pool", [] { return GlobalPools("global_max_pool"); }},
      {"group_norm", GroupNorms},
      {"hard_swish", [] { return Unary("hard_swish"); }},
      {"input", Inputs},
      {"kl_divergence",
       [] {
         return PairLosses("kl_divergence", {{}, {{"temperature", 3.0}}});
       }},
      {"layer_norm",
       [] {
         return Unary("layer_norm", {{}, {{"epsilon", 0.1}}});
       }},
      {"leaky_relu",
       [] {
         return Unary("leaky_relu",
                      {{}, {{"slope", std::int64_t{0}}}, {{"slope", std::int64_t{1}}}});
       }},
      {"linear", TokenLinears},
      {"matmul",
       [] {
         return Concatenated({Matmuls(), ComputedByProduct()});
       }},
      {"max_pool", [] { return CeilPools("max_pool"); }},
      {"mean_squared_error", [] { return PairLosses("mean_squared_error"); }},
      {"multiply",
       [] {
         return Concatenated({Elementwise("multiply"), ComputedWeights("multiply", {})});
       }},
      {"pad", Pads},
      {"parameter", Parameters},
      {"power_of_two",
       [] {
         return Quantisers(
             "power_of_two",
             {{}, {{"min_exponent", std::int64_t{-2}}, {"max_exponent", std::int64_t{-1}}}});
       }},
      {"relu",
       [] {
         return Concatenated({Relus(), Unary("relu")});
       }},
      {"relu6", [] { return Unary("relu6"); }},
      {"rms_norm", [] { return Unary("rms_norm"); }},
      {"sigmoid", [] { return Unary("sigmoid"); }},
      {"sign", [] { return Quantisers("sign", {{}}); }},
      {"silu", [] { return Unary("silu"); }},
      {"slice",
       [] {
         return Concatenated(
             {Slices(),
              ComputedWeights("slice", {{"axis", std::int64_t{0}}, {"start", std::int64_t{1}}}),
              ComputedWeights("slice", {{"axis", std::int64_t{1}}, {"start", std::int64_t{2}}})});
       }},
      {"soft_label_cross_entropy", [] { return PairLosses("soft_label_cross_entropy"); }},
      {"softmax",
       [] {
         return Concatenated({Unary("softmax"), LearntShare()});
       }},
      {"softmax_cross_entropy", Losses},
      {"tanh", [] { return Unary("tanh"); }},
      {"tokens",
       [] {
         return Cases{
             {"Picture", Around({2, 3, 4}, {Stem(5), Layer("tokens"), TokenStem(2)})},
             {"UsedTwice", Around({2, 3, 4}, {Stem(5), Layer("tokens", {}, {"convolution_1"}, "a"),
                                              Layer("tokens", {}, {"convolution_1"}, "b"),
                                              Layer("add", {}, {"a", "b"})})}};
       }},
      {"transpose", Transposes},
      {"upsample", Upsamples},
  };
  std::vector<OperatorCase> cases;
  const auto maker = makers->find(op);
  if (maker == makers->end()) return cases;
  for (auto& [name, architecture] : maker->second()) {
    cases.push_back(
        {absl::StrCat(op, "_", name), op, std::move(architecture), IsStraightThrough(op)});
  }
  return cases;
}

std::vector<OperatorCase> AllCases() {
  std::vector<OperatorCase> all;
  for (const arch::OperatorSpec* op : arch::AllOperators()) {
    for (OperatorCase& one : CasesOf(op->name)) all.push_back(std::move(one));
  }
  return all;
}

}  // namespace graft::engine::testing
