#include "common/engine/cpu/kernel.h"

#include <functional>
#include <map>
#include <string>

namespace graft::engine::cpu {

Extent KernelContext::extent(arch::NodeIndex value) const {
  const tensor::Shape& shape = this->shape(value);
  if (channels_last(value)) return {shape.dim(0), shape.dim(1), shape.dim(2)};
  if (shape.rank() == 2) return {.channels = shape.dim(1), .height = shape.dim(0)};
  return {.channels = shape.ElementCount()};
}

bool NeedsKernel(const arch::Node& node) {
  if (node.op->name == "parameter") return false;
  if (node.op->name != "input") return true;
  // Images of one channel or one pixel are channels-last as they are.
  const tensor::Shape& shape = node.type.shape;
  return node.type.batched && node.type.dtype == tensor::DType::kFloat32 && shape.rank() == 3 &&
         shape.dim(0) > 1 && shape.dim(1) * shape.dim(2) > 1;
}

KernelFactory FindKernelFactory(std::string_view op) {
  static const auto* const factories = new std::map<std::string, KernelFactory, std::less<>>{
      {"add", MakeAdd},
      {"attention", MakeAttention},
      {"average_pool", MakeAveragePool},
      {"batch_norm", MakeBatchNorm},
      {"binary_cross_entropy", MakeElementLoss},
      {"concat", MakeConcat},
      {"convolution", MakeConvolution},
      {"drop_path", MakeDropout},
      {"dropout", MakeDropout},
      {"embedding", MakeEmbedding},
      {"feature_map", MakeMove},
      {"flatten", MakeFlatten},
      {"focal_loss", MakeElementLoss},
      {"gelu", MakeActivation},
      {"global_average_pool", MakeAveragePool},
      {"global_max_pool", MakeMaxPool},
      {"group_norm", MakeGroupNorm},
      {"hard_swish", MakeActivation},
      {"input", MakeInput},
      {"kl_divergence", MakeRowLoss},
      {"layer_norm", MakeFeatureNorm},
      {"leaky_relu", MakeActivation},
      {"linear", MakeLinear},
      {"matmul", MakeMatmul},
      {"max_pool", MakeMaxPool},
      {"mean_squared_error", MakeElementLoss},
      {"multiply", MakeMultiply},
      {"pad", MakeMove},
      {"parameter", [](KernelContext&) -> std::unique_ptr<Kernel> { return nullptr; }},
      {"power_of_two", MakePowerOfTwo},
      {"relu", MakeActivation},
      {"relu6", MakeActivation},
      {"rms_norm", MakeFeatureNorm},
      {"sigmoid", MakeActivation},
      {"sign", MakeSign},
      {"silu", MakeActivation},
      {"slice", MakeMove},
      {"soft_label_cross_entropy", MakeRowLoss},
      {"softmax", MakeSoftmax},
      {"softmax_cross_entropy", MakeSoftmaxCrossEntropy},
      {"tanh", MakeActivation},
      {"tokens", MakeMove},
      {"transpose", MakeMove},
      {"upsample", MakeUpsample},
  };
  const auto position = factories->find(op);
  return position == factories->end() ? nullptr : position->second;
}

}  // namespace graft::engine::cpu
