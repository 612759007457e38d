#include "absl/strings/str_cat.h"
#include "common/arch/operators/checks.h"
#include "common/arch/operators/operators.h"
#include "common/base/status_macros.h"

namespace graft::arch::operators {
namespace {

// Positions of the operands.
enum { kLogits, kLabels };

const ValueType kScalar{tensor::DType::kFloat32, false, tensor::Shape()};

// logits: [K] batched, labels: int32 [] batched -> [] not batched
absl::StatusOr<ValueType> InferCrossEntropy(const Attributes&,
                                            std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectVector("logits", operands[kLogits]));
  const ValueType labels{tensor::DType::kInt32, true, tensor::Shape()};
  if (operands[kLabels] != labels) {
    return absl::InvalidArgumentError("operand labels must be " + ToString(labels) + ", got " +
                                      ToString(operands[kLabels]));
  }
  return kScalar;
}

// Two operands of one type that a loss compares. x: [C, H, W], [T, K] or [K] -> [] not batched
absl::Status ExpectPair(absl::string_view first, absl::string_view second,
                        std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectRows({first.data(), first.size()}, operands[0]));
  if (operands[1] == operands[0]) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("operand ", second, " must be ",
                                                 ToString(operands[0]), " as ", first, ", got ",
                                                 ToString(operands[1])));
}

OperatorSpec PairLoss(std::string name, std::string summary, const std::string& first,
                      const std::string& second, std::vector<AttributeSpec> attributes = {}) {
  return {
      .name = std::move(name),
      .summary = std::move(summary),
      .attributes = std::move(attributes),
      .operands = {{.name = first}, {.name = second}},
      .channels = ChannelBehaviour::kBarrier,
      .infer = [first, second](const Attributes&,
                               std::span<const ValueType> operands) -> absl::StatusOr<ValueType> {
        RETURN_IF_ERROR(ExpectPair(first, second, operands));
        return kScalar;
      },
  };
}

AttributeSpec Number(std::string name, std::string summary, double value, double minimum,
                     double maximum) {
  return {.name = std::move(name),
          .type = AttributeType::kDouble,
          .summary = std::move(summary),
          .default_value = value,
          .minimum = minimum,
          .maximum = maximum};
}

}  // namespace

OperatorSpec SoftmaxCrossEntropy() {
  return {
      .name = "softmax_cross_entropy",
      .summary =
          "Mean over the batch of -sum_k q_k log softmax(logits)_k, with q the label's "
          "one-hot vector, smoothed: q' = (1 - s) q + s / K",
      .attributes = {Number("label_smoothing",
                            "s, the probability that is spread evenly over all classes", 0, 0, 1)},
      .operands = {{.name = "logits"}, {.name = "labels"}},
      .channels = ChannelBehaviour::kBarrier,
      .infer = InferCrossEntropy,
  };
}

OperatorSpec SoftLabelCrossEntropy() {
  return PairLoss("soft_label_cross_entropy",
                  "Mean over batch and positions of -sum_k targets_k log softmax(logits)_k",
                  "logits", "targets");
}

OperatorSpec BinaryCrossEntropy() {
  return PairLoss("binary_cross_entropy",
                  "Mean over all elements of -t log sigmoid(x) - (1 - t) log sigmoid(-x)", "logits",
                  "targets");
}

OperatorSpec FocalLoss() {
  return PairLoss(
      "focal_loss",
      "Mean over all elements of binary cross-entropy times a (1 - p)^gamma, with p the "
      "probability "
      "of the target and a its weight: alpha t + (1 - alpha)(1 - t)",
      "logits", "targets",
      {Number("gamma", "exponent of what is missing to the target; 0: no focus", 2, 0, 100),
       Number("alpha", "weight of the targets 1; those of 0 have 1 - alpha", 0.25, 0, 1)});
}

OperatorSpec MeanSquaredError() {
  return PairLoss("mean_squared_error", "Mean over all elements of (prediction - target)^2",
                  "prediction", "target");
}

OperatorSpec KlDivergence() {
  return PairLoss("kl_divergence",
                  "Mean over batch and positions of T^2 sum_k p_k (log p_k - log q_k), with p = "
                  "softmax(teacher / T) and q = softmax(student / T)",
                  "student", "teacher",
                  {Number("temperature", "T, which softens both distributions", 1, 1e-3, 1e3)});
}

}  // namespace graft::arch::operators
