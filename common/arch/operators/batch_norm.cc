#include "common/arch/operators/checks.h"
#include "common/arch/operators/operators.h"
#include "common/base/status_macros.h"

namespace graft::arch::operators {
namespace {

// Positions of the operands.
enum { kX, kScale, kShift, kMean, kVariance, kOperandCount };

// x: [C, H, W] or [F]; scale, shift, mean and variance: [C] or [F] -> as x
absl::StatusOr<ValueType> Infer(const Attributes&, std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectFeatures("x", operands[kX]));
  const tensor::Shape channels = {operands[kX].shape.dim(0)};
  RETURN_IF_ERROR(ExpectShape("scale", operands[kScale], channels));
  RETURN_IF_ERROR(ExpectShape("shift", operands[kShift], channels));
  RETURN_IF_ERROR(ExpectShape("mean", operands[kMean], channels));
  RETURN_IF_ERROR(ExpectShape("variance", operands[kVariance], channels));
  return operands[kX];
}

absl::StatusOr<std::vector<ParameterRequest>> Expand(const Attributes&,
                                                     std::span<const ValueType> data, Attributes&) {
  RETURN_IF_ERROR(ExpectFeatures("x", data[kX]));
  std::vector<ParameterRequest> requests;
  for (int operand = kScale; operand < kOperandCount; ++operand) {
    requests.push_back({operand, tensor::Shape({data[kX].shape.dim(0)})});
  }
  return requests;
}

OperandSpec ChannelParameter(std::string name, Initializer initializer, bool trainable) {
  return {.name = std::move(name),
          .kind = OperandSpec::Kind::kParameter,
          .axes = {AxisRole::kChannel},
          .initializer = initializer,
          .trainable = trainable};
}

}  // namespace

OperatorSpec BatchNorm() {
  return {
      .name = "batch_norm",
      .summary = "Normalises each channel, by the batch in training and by its statistics after it",
      .attributes = {{.name = "epsilon",
                      .type = AttributeType::kDouble,
                      .summary = "added to the variance",
                      .default_value = 1e-5,
                      .minimum = 1e-12,
                      .maximum = 1},
                     {.name = "momentum",
                      .type = AttributeType::kDouble,
                      .summary = "running = (1 - momentum) running + momentum batch; the running "
                                 "variance takes the unbiased variance of the batch",
                      .default_value = 0.1,
                      .minimum = 0,
                      .maximum = 1}},
      .operands = {{.name = "x"},
                   ChannelParameter("scale", Initializer::kOnes, /*trainable=*/true),
                   ChannelParameter("shift", Initializer::kZeros, /*trainable=*/true),
                   ChannelParameter("mean", Initializer::kZeros, /*trainable=*/false),
                   ChannelParameter("variance", Initializer::kOnes, /*trainable=*/false)},
      .channels = ChannelBehaviour::kPass,
      .infer = Infer,
      .expand = Expand,
  };
}

}  // namespace graft::arch::operators
