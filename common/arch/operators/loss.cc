#include "common/arch/operators/checks.h"
#include "common/arch/operators/operators.h"
#include "common/base/status_macros.h"

namespace graft::arch::operators {
namespace {

// Positions of the operands.
enum { kLogits, kLabels };

// logits: [K] batched, labels: int32 [] batched -> [] not batched
absl::StatusOr<ValueType> InferCrossEntropy(const Attributes&,
                                            std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectVector("logits", operands[kLogits]));
  const ValueType labels{tensor::DType::kInt32, true, tensor::Shape()};
  if (operands[kLabels] != labels) {
    return absl::InvalidArgumentError("operand labels must be " + ToString(labels) + ", got " +
                                      ToString(operands[kLabels]));
  }
  return ValueType{tensor::DType::kFloat32, false, tensor::Shape()};
}

}  // namespace

OperatorSpec SoftmaxCrossEntropy() {
  return {
      .name = "softmax_cross_entropy",
      .summary =
          "Mean over the batch of -sum_k q_k log softmax(logits)_k, with q the label's "
          "one-hot vector, smoothed: q' = (1 - s) q + s / K",
      .attributes = {{.name = "label_smoothing",
                      .type = AttributeType::kDouble,
                      .summary = "s, the probability that is spread evenly over all classes",
                      .default_value = 0.0,
                      .minimum = 0,
                      .maximum = 1}},
      .operands = {{.name = "logits"}, {.name = "labels"}},
      .channels = ChannelBehaviour::kBarrier,
      .infer = InferCrossEntropy,
  };
}

}  // namespace graft::arch::operators
