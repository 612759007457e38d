// Rounded values whose gradient passes straight through. sign: M. Courbariaux et al., "Binarized
// Neural Networks", 2016. power_of_two: M. Elhoushi et al., "DeepShift", 2019.
#include "common/engine/quantiser.h"

#include "common/engine/reference/kernel.h"

namespace graft::engine::reference {
namespace {

void SignForward(const Call& call) {
  const std::vector<double>& x = call.operands[0]->data;
  for (std::size_t i = 0; i < x.size(); ++i) call.result->data[i] = x[i] >= 0 ? 1 : -1;
}

void SignBackward(const Call& call) {
  Value& x = *call.operands[0];
  for (std::size_t i = 0; i < x.data.size(); ++i) {
    if (x.data[i] >= -1 && x.data[i] <= 1) x.gradient[i] += call.result->gradient[i];
  }
}

void PowerOfTwoForward(const Call& call) {
  const std::vector<double>& x = call.operands[0]->data;
  const auto minimum = static_cast<int>(arch::GetInt(call.node.attributes, "min_exponent"));
  const auto maximum = static_cast<int>(arch::GetInt(call.node.attributes, "max_exponent"));
  for (std::size_t i = 0; i < x.size(); ++i) {
    call.result->data[i] = NearestPowerOfTwo(static_cast<float>(x[i]), minimum, maximum);
  }
}

void PowerOfTwoBackward(const Call& call) {
  Value& x = *call.operands[0];
  for (std::size_t i = 0; i < x.data.size(); ++i) x.gradient[i] += call.result->gradient[i];
}

}  // namespace

const Kernel kSign = {SignForward, SignBackward};
const Kernel kPowerOfTwo = {PowerOfTwoForward, PowerOfTwoBackward};

}  // namespace graft::engine::reference
