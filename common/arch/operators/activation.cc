#include "common/arch/operators/checks.h"
#include "common/arch/operators/operators.h"
#include "common/base/status_macros.h"

namespace graft::arch::operators {
namespace {

OperatorSpec Activation(std::string name, std::string summary,
                        std::vector<AttributeSpec> attributes = {}) {
  return {
      .name = std::move(name),
      .summary = std::move(summary),
      .attributes = std::move(attributes),
      .operands = {{.name = "x", .unbatched = true}},
      .channels = ChannelBehaviour::kPass,
      .infer = InferElementwise,
  };
}

absl::StatusOr<ValueType> InferSoftmax(const Attributes&, std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectRows("x", operands[0]));
  return operands[0];
}

}  // namespace

OperatorSpec Relu() { return Activation("relu", "max(x, 0)"); }

OperatorSpec LeakyRelu() {
  return Activation("leaky_relu", "x where x > 0, else slope x",
                    {{.name = "slope",
                      .type = AttributeType::kDouble,
                      .summary = "of the negative half; 0: relu, 1: the identity",
                      .default_value = 0.01,
                      .minimum = 0,
                      .maximum = 1}});
}

OperatorSpec Relu6() { return Activation("relu6", "min(max(x, 0), 6)"); }

OperatorSpec Gelu() {
  return Activation(
      "gelu", "x P(X <= x) with X standard normal",
      {{.name = "tanh_approximation",
        .type = AttributeType::kBool,
        .summary = "whether P is taken as (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) "
                   "/ 2",
        .default_value = false}});
}

OperatorSpec Silu() { return Activation("silu", "x sigmoid(x)"); }

OperatorSpec HardSwish() { return Activation("hard_swish", "x min(max(x + 3, 0), 6) / 6"); }

OperatorSpec Sigmoid() { return Activation("sigmoid", "1 / (1 + exp(-x))"); }

OperatorSpec Tanh() { return Activation("tanh", "Hyperbolic tangent"); }

OperatorSpec Softmax() {
  return {
      .name = "softmax",
      .summary =
          "exp(x_i) / sum_j exp(x_j) along the features: [F], the last axis of [T,D], the "
          "channels at each position of [C,H,W]",
      .operands = {{.name = "x", .unbatched = true}},
      .channels = ChannelBehaviour::kBarrier,
      .barrier_reason = "a copy of a channel changes the sum over the channels",
      .infer = InferSoftmax,
  };
}

}  // namespace graft::arch::operators
