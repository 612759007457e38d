#include "common/engine/reference/kernel.h"

#include <functional>
#include <map>
#include <string>

namespace graft::engine::reference {
namespace {

void DoNothing(const Call&) {}

}  // namespace

const Kernel* FindKernel(std::string_view op) {
  static const auto* const kernels = new std::map<std::string, Kernel, std::less<>>{
      {"add", kAdd},
      {"attention", kAttention},
      {"average_pool", kAveragePool},
      {"batch_norm", kBatchNorm},
      {"binary_cross_entropy", kBinaryCrossEntropy},
      {"concat", kConcat},
      {"convolution", kConvolution},
      {"drop_path", kDropPath},
      {"dropout", kDropout},
      {"embedding", kEmbedding},
      {"feature_map", kFeatureMap},
      {"flatten", kFlatten},
      {"focal_loss", kFocalLoss},
      {"gelu", kGelu},
      {"global_average_pool", kGlobalAveragePool},
      {"global_max_pool", kGlobalMaxPool},
      {"group_norm", kGroupNorm},
      {"hard_swish", kHardSwish},
      {"input", {DoNothing, DoNothing}},
      {"kl_divergence", kKlDivergence},
      {"layer_norm", kLayerNorm},
      {"leaky_relu", kLeakyRelu},
      {"linear", kLinear},
      {"matmul", kMatmul},
      {"max_pool", kMaxPool},
      {"mean_squared_error", kMeanSquaredError},
      {"multiply", kMultiply},
      {"pad", kPad},
      {"parameter", {DoNothing, DoNothing}},
      {"power_of_two", kPowerOfTwo},
      {"relu", kRelu},
      {"relu6", kRelu6},
      {"rms_norm", kRmsNorm},
      {"sigmoid", kSigmoid},
      {"sign", kSign},
      {"silu", kSilu},
      {"slice", kSlice},
      {"soft_label_cross_entropy", kSoftLabelCrossEntropy},
      {"softmax", kSoftmax},
      {"softmax_cross_entropy", kSoftmaxCrossEntropy},
      {"tanh", kTanh},
      {"tokens", kTokens},
      {"transpose", kTranspose},
      {"upsample", kUpsample},
  };
  const auto position = kernels->find(op);
  return position == kernels->end() ? nullptr : &position->second;
}

}  // namespace graft::engine::reference
