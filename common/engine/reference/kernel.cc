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
      {"average_pool", kAveragePool},
      {"batch_norm", kBatchNorm},
      {"concat", kConcat},
      {"convolution", kConvolution},
      {"dropout", kDropout},
      {"flatten", kFlatten},
      {"global_average_pool", kGlobalAveragePool},
      {"global_max_pool", kGlobalMaxPool},
      {"input", {DoNothing, DoNothing}},
      {"linear", kLinear},
      {"max_pool", kMaxPool},
      {"parameter", {DoNothing, DoNothing}},
      {"relu", kRelu},
      {"softmax_cross_entropy", kSoftmaxCrossEntropy},
  };
  const auto position = kernels->find(op);
  return position == kernels->end() ? nullptr : &position->second;
}

}  // namespace graft::engine::reference
