// Cases of layers: convolutions, products, normalisation, activations, pools.
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/unit/engine/case_families.h"
#include "tests/unit/engine/testing.h"

namespace graft::engine::testing {
namespace {

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

}  // namespace

Cases AllConvolutions() {
  Cases cases = Convolutions();
  for (auto& one : GroupedConvolutions()) cases.push_back(std::move(one));
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
    const auto pool = Layer("max_pool", {{"kernel", std::int64_t{2}}});
    cases.emplace_back(
        absl::StrCat("WithReluAndPool", channels),
        Around({2, 4, 6}, {Stem(channels), Layer("batch_norm"), Layer("relu"), pool}));
    cases.emplace_back(absl::StrCat("WithPool", channels),
                       Around({2, 6, 4}, {Stem(channels), Layer("batch_norm"), pool}));
  }
  cases.emplace_back(
      "Attributes",
      Around({2, 4, 5}, {Stem(3), Layer("batch_norm", {{"epsilon", 0.01}, {"momentum", 0.3}})}));
  cases.emplace_back(
      "OperandUsedTwice",
      Around({2, 4, 5}, {Stem(3), Layer("batch_norm", {}, {"convolution_1"}, "b"),
                         Layer("relu", {}, {"convolution_1"}, "r"), Layer("add", {}, {"b", "r"})}));
  cases.emplace_back(
      "OperandPooledTwice",
      Around({2, 4, 6}, {Stem(3), Layer("batch_norm", {}, {"convolution_1"}, "b"),
                         Layer("max_pool", {{"kernel", std::int64_t{2}}}, {"b"}, "p"),
                         Layer("max_pool", {{"kernel", std::int64_t{2}}}, {"convolution_1"}, "q"),
                         Layer("add", {}, {"p", "q"})}));
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

// One operand, any shape: pictures, tokens, features; a value that two layers take.
Cases Unary(const std::string& op, const std::vector<arch::Attributes>& variants) {
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

}  // namespace graft::engine::testing
