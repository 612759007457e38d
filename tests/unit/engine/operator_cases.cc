#include "tests/unit/engine/operator_cases.h"

#include <functional>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/arch/operator_registry.h"
#include "tests/unit/engine/case_families.h"
#include "tests/unit/engine/testing.h"

namespace graft::engine::testing {
namespace {

bool IsStraightThrough(const std::string& op) { return op == "sign" || op == "power_of_two"; }

}  // namespace

arch::LayerDef Conv(std::int64_t filters, const Ints& kernel, bool bias, arch::Attributes more) {
  more.insert({{"filters", filters}, {"kernel", kernel}, {"bias", bias}});
  return Layer("convolution", std::move(more));
}

arch::LayerDef Stem(std::int64_t channels) { return Conv(channels, {1, 1}); }

arch::LayerDef TokenStem(std::int64_t channels) { return Layer("linear", {{"units", channels}}); }

arch::Architecture Around(const tensor::Shape& input, std::vector<arch::LayerDef> layers) {
  return WithLoss(Classifier(input, std::move(layers)));
}

Cases Concatenated(std::initializer_list<Cases> parts) {
  Cases all;
  for (const Cases& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

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
