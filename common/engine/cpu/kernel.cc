#include "common/engine/cpu/kernel.h"

#include <functional>
#include <map>
#include <string>

namespace graft::engine::cpu {

Extent KernelContext::extent(arch::NodeIndex value) const {
  const tensor::Shape& shape = this->shape(value);
  Extent extent;
  if (shape.rank() >= 1) extent.channels = shape.dim(0);
  if (shape.rank() == 3) {
    extent.height = shape.dim(1);
    extent.width = shape.dim(2);
  }
  return extent;
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
      {"average_pool", MakeAveragePool},
      {"batch_norm", MakeBatchNorm},
      {"concat", MakeConcat},
      {"convolution", MakeConvolution},
      {"dropout", MakeDropout},
      {"flatten", MakeFlatten},
      {"global_average_pool", MakeAveragePool},
      {"global_max_pool", MakeMaxPool},
      {"input", MakeInput},
      {"linear", MakeLinear},
      {"max_pool", MakeMaxPool},
      {"parameter", [](KernelContext&) -> std::unique_ptr<Kernel> { return nullptr; }},
      {"relu", MakeRelu},
      {"softmax_cross_entropy", MakeSoftmaxCrossEntropy},
  };
  const auto position = factories->find(op);
  return position == factories->end() ? nullptr : position->second;
}

}  // namespace graft::engine::cpu
