#include "common/arch/operator_registry.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/arch/operators/operators.h"
#include "common/base/check.h"
#include "common/base/strings.h"

namespace graft::arch {
namespace {

// The one list of operators.
std::vector<const OperatorSpec*> MakeOperators() {
  using namespace operators;  // NOLINT: the factories, one name an operator
  std::vector<const OperatorSpec*> specs;
  for (OperatorSpec (*make)() : {&Input,
                                 &Parameter,
                                 &Convolution,
                                 &Linear,
                                 &Embedding,
                                 &Matmul,
                                 &Attention,
                                 &BatchNorm,
                                 &LayerNorm,
                                 &RmsNorm,
                                 &GroupNorm,
                                 &Relu,
                                 &LeakyRelu,
                                 &Relu6,
                                 &Gelu,
                                 &Silu,
                                 &HardSwish,
                                 &Sigmoid,
                                 &Tanh,
                                 &Softmax,
                                 &Dropout,
                                 &DropPath,
                                 &Sign,
                                 &PowerOfTwo,
                                 &MaxPool,
                                 &AveragePool,
                                 &GlobalMaxPool,
                                 &GlobalAveragePool,
                                 &Upsample,
                                 &Add,
                                 &Multiply,
                                 &Flatten,
                                 &Concat,
                                 &Slice,
                                 &Pad,
                                 &Transpose,
                                 &Tokens,
                                 &FeatureMap,
                                 &SoftmaxCrossEntropy,
                                 &SoftLabelCrossEntropy,
                                 &BinaryCrossEntropy,
                                 &FocalLoss,
                                 &MeanSquaredError,
                                 &KlDivergence}) {
    specs.push_back(new OperatorSpec(make()));  // lives for ever
  }
  std::sort(specs.begin(), specs.end(),
            [](const auto* a, const auto* b) { return a->name < b->name; });
  const auto same = [](const auto* a, const auto* b) { return a->name == b->name; };
  GRAFT_CHECK(std::adjacent_find(specs.begin(), specs.end(), same) == specs.end())
      << "two operators have one name";
  return specs;
}

}  // namespace

std::span<const OperatorSpec* const> AllOperators() {
  static const auto& operators = *new std::vector<const OperatorSpec*>(MakeOperators());
  return operators;
}

const OperatorSpec* FindOperator(std::string_view name) {
  const auto operators = AllOperators();
  const auto found = std::lower_bound(
      operators.begin(), operators.end(), name,
      [](const OperatorSpec* spec, std::string_view wanted) { return spec->name < wanted; });
  return found != operators.end() && (*found)->name == name ? *found : nullptr;
}

absl::StatusOr<const OperatorSpec*> GetOperator(std::string_view name) {
  if (const OperatorSpec* spec = FindOperator(name)) return spec;
  const auto append_name = [](std::string* out, const OperatorSpec* spec) {
    out->append(spec->name);
  };
  return absl::InvalidArgumentError(
      absl::StrCat("unknown operator \"", base::ToAbsl(name.substr(0, kMaxStringLength)),
                   "\"; there are: ", absl::StrJoin(AllOperators(), ", ", append_name)));
}

}  // namespace graft::arch
