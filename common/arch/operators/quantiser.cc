// Quantisers: the value is rounded, the gradient passes as if it were not (straight-through: Y.
// Bengio, N. Leonard, A. Courville, "Estimating or Propagating Gradients Through Stochastic Neurons
// for Conditional Computation", 2013).
#include "absl/strings/str_cat.h"
#include "common/arch/operators/checks.h"
#include "common/arch/operators/operators.h"
#include "common/base/status_macros.h"

namespace graft::arch::operators {
namespace {

absl::StatusOr<ValueType> InferPowerOfTwo(const Attributes& attributes,
                                          std::span<const ValueType> operands) {
  const std::int64_t minimum = GetInt(attributes, "min_exponent");
  const std::int64_t maximum = GetInt(attributes, "max_exponent");
  if (minimum > maximum) {
    return absl::InvalidArgumentError(
        absl::StrCat("attribute min_exponent, ", minimum, ", is above max_exponent, ", maximum));
  }
  return InferElementwise(attributes, operands);
}

AttributeSpec Exponent(std::string name, std::string summary, std::int64_t value) {
  return {.name = std::move(name),
          .type = AttributeType::kInt,
          .summary = std::move(summary),
          .default_value = value,
          .minimum = -100,
          .maximum = 100};
}

}  // namespace

OperatorSpec Sign() {
  return {
      .name = "sign",
      .summary = "1 where x >= 0, else -1; the gradient passes where |x| <= 1",
      .operands = {{.name = "x", .unbatched = true}},
      .channels = ChannelBehaviour::kPass,
      .infer = InferElementwise,
  };
}

OperatorSpec PowerOfTwo() {
  return {
      .name = "power_of_two",
      .summary =
          "The nearest of +-2^k by the logarithm, k from min_exponent to max_exponent; zero "
          "counts as positive; the gradient passes everywhere",
      .attributes = {Exponent("min_exponent", "least k", -8),
                     Exponent("max_exponent", "largest k", 0)},
      .operands = {{.name = "x", .unbatched = true}},
      .channels = ChannelBehaviour::kPass,
      .infer = InferPowerOfTwo,
  };
}

}  // namespace graft::arch::operators
