// y[r, o] = bias[o] + sum over i of weight[o, i] x[r, i], for each example and token r
#include "common/engine/reference/kernel.h"

namespace graft::engine::reference {
namespace {

enum { kX, kWeight, kBias };

// Calls f(r, o) for every element of the result.
template <typename F>
void ForEachResult(const Call& call, F f) {
  const std::int64_t outputs = call.operands[kWeight]->shape.dim(0);
  const auto rows = static_cast<std::int64_t>(call.result->data.size()) / outputs;
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t o = 0; o < outputs; ++o) f(r, o);
  }
}

void Forward(const Call& call) {
  const Value& x = *call.operands[kX];
  const Value& weight = *call.operands[kWeight];
  const std::int64_t outputs = weight.shape.dim(0);
  const std::int64_t inputs = weight.shape.dim(1);
  ForEachResult(call, [&](std::int64_t r, std::int64_t o) {
    double sum = call.operands.size() > kBias ? call.operands[kBias]->data[o] : 0.0;
    for (std::int64_t i = 0; i < inputs; ++i) {
      sum += weight.data[o * inputs + i] * x.data[r * inputs + i];
    }
    call.result->data[r * outputs + o] = sum;
  });
}

void Backward(const Call& call) {
  Value& x = *call.operands[kX];
  Value& weight = *call.operands[kWeight];
  const std::int64_t outputs = weight.shape.dim(0);
  const std::int64_t inputs = weight.shape.dim(1);
  ForEachResult(call, [&](std::int64_t r, std::int64_t o) {
    const double dy = call.result->gradient[r * outputs + o];
    for (std::int64_t i = 0; i < inputs; ++i) {
      x.gradient[r * inputs + i] += weight.data[o * inputs + i] * dy;
      weight.gradient[o * inputs + i] += x.data[r * inputs + i] * dy;
    }
    if (call.operands.size() > kBias) call.operands[kBias]->gradient[o] += dy;
  });
}

}  // namespace

const Kernel kLinear = {Forward, Backward};

}  // namespace graft::engine::reference
