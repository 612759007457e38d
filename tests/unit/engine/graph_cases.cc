// Cases of losses, inputs and parameters, and of weights that are computed.
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/arch/expand.h"
#include "common/base/check.h"
#include "tests/unit/engine/case_families.h"
#include "tests/unit/engine/testing.h"

namespace graft::engine::testing {

Cases PairLosses(const std::string& op, const std::vector<arch::Attributes>& variants) {
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

// All shapes, and weights.
Cases Quantisers(const std::string& op, const std::vector<arch::Attributes>& variants) {
  return Concatenated({Unary(op, variants), ComputedWeights(op, variants[0])});
}

}  // namespace graft::engine::testing
