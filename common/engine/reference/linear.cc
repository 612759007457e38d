// y[n, o] = bias[o] + sum over i of weight[o, i] x[n, i]
#include "common/engine/reference/kernel.h"

namespace graft::engine::reference {
namespace {

enum { kX, kWeight, kBias };

void Forward(const Call& call) {
  const Value& x = *call.operands[kX];
  const Value& weight = *call.operands[kWeight];
  const std::int64_t outputs = weight.shape.dim(0);
  const std::int64_t inputs = weight.shape.dim(1);
  for (std::int64_t n = 0; n < x.outer; ++n) {
    for (std::int64_t o = 0; o < outputs; ++o) {
      double sum = call.operands.size() > kBias ? call.operands[kBias]->data[o] : 0.0;
      for (std::int64_t i = 0; i < inputs; ++i) {
        sum += weight.data[o * inputs + i] * x.data[n * inputs + i];
      }
      call.result->data[n * outputs + o] = sum;
    }
  }
}

void Backward(const Call& call) {
  Value& x = *call.operands[kX];
  Value& weight = *call.operands[kWeight];
  const std::int64_t outputs = weight.shape.dim(0);
  const std::int64_t inputs = weight.shape.dim(1);
  for (std::int64_t n = 0; n < x.outer; ++n) {
    for (std::int64_t o = 0; o < outputs; ++o) {
      const double dy = call.result->gradient[n * outputs + o];
      for (std::int64_t i = 0; i < inputs; ++i) {
        x.gradient[n * inputs + i] += weight.data[o * inputs + i] * dy;
        weight.gradient[o * inputs + i] += x.data[n * inputs + i] * dy;
      }
      if (call.operands.size() > kBias) call.operands[kBias]->gradient[o] += dy;
    }
  }
}

}  // namespace

const Kernel kLinear = {Forward, Backward};

}  // namespace graft::engine::reference
