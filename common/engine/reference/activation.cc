#include "common/engine/dropout.h"
#include "common/engine/reference/kernel.h"

namespace graft::engine::reference {
namespace {

// y = max(x, 0); a NaN stays.
void ReluForward(const Call& call) {
  const std::vector<double>& x = call.operands[0]->data;
  for (std::size_t i = 0; i < x.size(); ++i) call.result->data[i] = x[i] < 0 ? 0 : x[i];
}

void ReluBackward(const Call& call) {
  Value& x = *call.operands[0];
  for (std::size_t i = 0; i < x.data.size(); ++i) {
    if (x.data[i] > 0) x.gradient[i] += call.result->gradient[i];
  }
}

// Factor of each element: 0, or 1 / (1 - rate). N. Srivastava et al., "Dropout: A Simple Way to
// Prevent Neural Networks from Overfitting", JMLR 15, 2014, in its inverted form.
std::vector<double> DropoutFactors(const Call& call) {
  if (call.mode == Mode::kInference) return std::vector<double>(call.result->data.size(), 1.0);
  const double rate = arch::GetDouble(call.node.attributes, "rate");
  std::vector<std::uint8_t> keep(call.result->data.size());
  DropoutMask(call.step_seed, call.index, rate, keep);
  std::vector<double> factors(keep.size());
  for (std::size_t i = 0; i < keep.size(); ++i) factors[i] = keep[i] * DropoutScale(rate);
  return factors;
}

void DropoutForward(const Call& call) {
  const std::vector<double> factors = DropoutFactors(call);
  for (std::size_t i = 0; i < factors.size(); ++i) {
    call.result->data[i] = factors[i] * call.operands[0]->data[i];
  }
}

void DropoutBackward(const Call& call) {
  const std::vector<double> factors = DropoutFactors(call);
  for (std::size_t i = 0; i < factors.size(); ++i) {
    call.operands[0]->gradient[i] += factors[i] * call.result->gradient[i];
  }
}

}  // namespace

const Kernel kRelu = {ReluForward, ReluBackward};
const Kernel kDropout = {DropoutForward, DropoutBackward};

}  // namespace graft::engine::reference
