#include "common/arch/operators/checks.h"
#include "common/arch/operators/operators.h"
#include "common/base/status_macros.h"

namespace graft::arch::operators {
namespace {

absl::StatusOr<ValueType> InferSame(const Attributes&, std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectFeatures("x", operands[0]));
  return operands[0];
}

}  // namespace

OperatorSpec Relu() {
  return {
      .name = "relu",
      .summary = "max(x, 0)",
      .operands = {{.name = "x"}},
      .channels = ChannelBehaviour::kPass,
      .infer = InferSame,
  };
}

OperatorSpec Dropout() {
  return {
      .name = "dropout",
      .summary =
          "In training each element is zero with probability `rate`, else divided by 1 - rate",
      .attributes = {{.name = "rate",
                      .type = AttributeType::kDouble,
                      .summary = "probability of a zero",
                      .minimum = 0,
                      .maximum = 0.99}},
      .operands = {{.name = "x"}},
      .channels = ChannelBehaviour::kPass,
      .infer = InferSame,
  };
}

}  // namespace graft::arch::operators
