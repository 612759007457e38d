#include "tests/unit/engine/operator_cases.h"

#include <functional>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/arch/operator_registry.h"
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
    const std::int64_t other = op == "add" ? channels : channels + 2;
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

}  // namespace

std::vector<OperatorCase> CasesOf(const std::string& op) {
  static const auto* const makers = new std::map<std::string, std::function<Cases()>>{
      {"add", [] { return Joins("add"); }},
      {"average_pool", [] { return WindowPools("average_pool"); }},
      {"batch_norm", BatchNorms},
      {"concat", [] { return Joins("concat"); }},
      {"convolution", Convolutions},
      {"dropout", Dropouts},
      {"flatten", Flattens},
      {"global_average_pool", [] { return GlobalPools("global_average_pool"); }},
      {"global_max_pool", [] { return GlobalPools("global_max_pool"); }},
      {"input", Inputs},
      {"linear", Linears},
      {"max_pool", [] { return WindowPools("max_pool"); }},
      {"parameter", Parameters},
      {"relu", Relus},
      {"softmax_cross_entropy", Losses},
  };
  std::vector<OperatorCase> cases;
  const auto maker = makers->find(op);
  if (maker == makers->end()) return cases;
  for (auto& [name, architecture] : maker->second()) {
    cases.push_back({absl::StrCat(op, "_", name), op, std::move(architecture)});
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
