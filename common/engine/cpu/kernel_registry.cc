#include "common/engine/cpu/kernel_registry.h"

#include <functional>
#include <map>
#include <string>

namespace graft::engine::cpu {
namespace {

// Moves elements, or sums them up.
constexpr MemoryTraits kReadsNothing = {.reads_operands = false};
// Changes each element by what it keeps itself, or not at all.
constexpr MemoryTraits kInPlace = {
    .reads_operands = false, .result_over_operand = true, .gradient_over_gradient = true};
// Each element's derivative is a function of the result (a leaky ReLU's slope is not below 0).
constexpr MemoryTraits kByResult = {.reads_operands = false,
                                    .reads_result = true,
                                    .result_over_operand = true,
                                    .gradient_over_gradient = true};
// Each element's derivative is a function of the operand: in place where there is no backward.
constexpr MemoryTraits kByOperand = {.result_over_operand = true, .gradient_over_gradient = true};

}  // namespace

const KernelEntry* FindKernel(std::string_view op) {
  static const auto* const entries = new std::map<std::string, KernelEntry, std::less<>>{
      {"add", {MakeAdd, kInPlace}},
      {"attention", {MakeAttention}},
      {"average_pool", {MakeAveragePool, kReadsNothing}},
      {"batch_norm", {MakeBatchNorm, {.gradient_over_operand = true}}},
      {"binary_cross_entropy", {MakeElementLoss}},
      {"concat", {MakeConcat, kReadsNothing}},
      {"convolution", {MakeConvolution}},
      {"drop_path", {MakeDropout, kInPlace}},
      {"dropout", {MakeDropout, kInPlace}},
      {"embedding", {MakeEmbedding}},
      {"feature_map", {MakeMove, kInPlace}},
      {"flatten", {MakeFlatten, kReadsNothing}},
      {"focal_loss", {MakeElementLoss}},
      {"gelu", {MakeActivation, kByOperand}},
      {"global_average_pool", {MakeAveragePool, kReadsNothing}},
      {"global_max_pool", {MakeMaxPool, kReadsNothing}},
      {"group_norm", {MakeGroupNorm}},
      {"hard_swish", {MakeActivation, kByOperand}},
      {"input", {MakeInput}},
      {"kl_divergence", {MakeRowLoss}},
      {"layer_norm", {MakeFeatureNorm}},
      {"leaky_relu", {MakeActivation, kByResult}},
      {"linear", {MakeLinear}},
      {"matmul", {MakeMatmul}},
      {"max_pool", {MakeMaxPool, kReadsNothing}},
      {"mean_squared_error", {MakeElementLoss}},
      {"multiply", {MakeMultiply}},
      {"pad", {MakeMove, kReadsNothing}},
      {"parameter", {.make = [](KernelContext&) -> std::unique_ptr<Kernel> { return nullptr; }}},
      {"power_of_two", {MakePowerOfTwo, kReadsNothing}},
      {"relu", {MakeActivation, kByResult}},
      {"relu6", {MakeActivation, kByResult}},
      {"rms_norm", {MakeFeatureNorm}},
      {"sigmoid", {MakeActivation, kByOperand}},
      {"sign", {MakeSign}},
      {"silu", {MakeActivation, kByOperand}},
      {"slice", {MakeMove, kReadsNothing}},
      {"soft_label_cross_entropy", {MakeRowLoss}},
      {"softmax", {MakeSoftmax, {.reads_operands = false, .reads_result = true}}},
      {"softmax_cross_entropy", {MakeSoftmaxCrossEntropy}},
      {"tanh", {MakeActivation, kByResult}},
      {"tokens", {MakeMove, kInPlace}},
      {"transpose", {MakeMove, kReadsNothing}},
      {"upsample", {MakeUpsample, kReadsNothing}},
  };
  const auto position = entries->find(op);
  return position == entries->end() ? nullptr : &position->second;
}

}  // namespace graft::engine::cpu
