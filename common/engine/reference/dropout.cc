#include "common/engine/dropout.h"

#include "common/engine/reference/kernel.h"

namespace graft::engine::reference {
namespace {

// Factors 0 or 1 / (1 - rate), of `draws` elements.
std::vector<double> Factors(const Call& call, std::size_t draws) {
  if (call.mode == Mode::kInference) return std::vector<double>(draws, 1.0);
  const double rate = arch::GetDouble(call.node.attributes, "rate");
  std::vector<std::uint8_t> keep(draws);
  DropoutMask(call.step_seed, call.index, rate, keep);
  std::vector<double> factors(keep.size());
  for (std::size_t i = 0; i < keep.size(); ++i) factors[i] = keep[i] * DropoutScale(rate);
  return factors;
}

// One draw an element: N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
// Overfitting", JMLR 15, 2014, in its inverted form. One an example: G. Larsson et al.,
// "FractalNet", ICLR 2017.
std::size_t DrawsOf(const Call& call) {
  const bool whole = call.node.op->name == "drop_path";
  return whole ? static_cast<std::size_t>(call.result->outer) : call.result->data.size();
}

void Forward(const Call& call) {
  const std::vector<double> factors = Factors(call, DrawsOf(call));
  const std::size_t repeats = call.result->data.size() / factors.size();
  for (std::size_t i = 0; i < call.result->data.size(); ++i) {
    call.result->data[i] = factors[i / repeats] * call.operands[0]->data[i];
  }
}

void Backward(const Call& call) {
  const std::vector<double> factors = Factors(call, DrawsOf(call));
  const std::size_t repeats = call.result->data.size() / factors.size();
  for (std::size_t i = 0; i < call.result->data.size(); ++i) {
    call.operands[0]->gradient[i] += factors[i / repeats] * call.result->gradient[i];
  }
}

}  // namespace

const Kernel kDropout = {Forward, Backward};
const Kernel kDropPath = {Forward, Backward};

}  // namespace graft::engine::reference
