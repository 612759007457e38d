// Normalisation of each example by itself.
#include "absl/strings/str_cat.h"
#include "common/arch/operators/checks.h"
#include "common/arch/operators/operators.h"
#include "common/base/status_macros.h"

namespace graft::arch::operators {
namespace {

// Positions of the operands.
enum { kX, kScale, kShift };

constexpr absl::string_view kReason = "it normalises over its channels together";

// x: [C, H, W], [T, C] or [C]; scale and shift: [C] -> as x
absl::StatusOr<ValueType> InferRows(const Attributes&, std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectRows("x", operands[kX]));
  const tensor::Shape& x = operands[kX].shape;
  const tensor::Shape channels = {x.dim(ChannelAxis(x))};
  RETURN_IF_ERROR(ExpectShape("scale", operands[kScale], channels));
  if (operands.size() > kShift) RETURN_IF_ERROR(ExpectShape("shift", operands[kShift], channels));
  return operands[kX];
}

absl::StatusOr<ValueType> InferGroups(const Attributes& attributes,
                                      std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectFeatures("x", operands[kX]));
  const std::int64_t groups = GetInt(attributes, "groups");
  const std::int64_t channels = operands[kX].shape.dim(0);
  if (channels % groups != 0) {
    return absl::InvalidArgumentError(absl::StrCat("attribute groups must divide the operand's ",
                                                   channels, " channels, got ", groups));
  }
  return InferRows(attributes, operands);
}

OperandSpec ChannelParameter(std::string name, Initializer initializer) {
  return {.name = std::move(name),
          .kind = OperandSpec::Kind::kParameter,
          .axes = {AxisRole::kChannel},
          .initializer = initializer};
}

AttributeSpec Epsilon(std::string summary, double value) {
  return {.name = "epsilon",
          .type = AttributeType::kDouble,
          .summary = std::move(summary),
          .default_value = value,
          .minimum = 1e-12,
          .maximum = 1};
}

// A vector of the channels for each parameter.
template <int kOperandCount>
absl::StatusOr<std::vector<ParameterRequest>> Expand(const Attributes&,
                                                     std::span<const ValueType> data, Attributes&) {
  RETURN_IF_ERROR(ExpectRows("x", data[kX]));
  const tensor::Shape& x = data[kX].shape;
  std::vector<ParameterRequest> requests;
  for (int operand = kScale; operand < kOperandCount; ++operand) {
    requests.push_back({operand, tensor::Shape({x.dim(ChannelAxis(x))})});
  }
  return requests;
}

}  // namespace

OperatorSpec LayerNorm() {
  return {
      .name = "layer_norm",
      .summary =
          "Normalises the features: [F], the last axis of [T,D], the channels at each "
          "position of [C,H,W]",
      .attributes = {Epsilon("added to the variance", 1e-5)},
      .operands = {{.name = "x"},
                   ChannelParameter("scale", Initializer::kOnes),
                   ChannelParameter("shift", Initializer::kZeros)},
      .channels = ChannelBehaviour::kBarrier,
      .barrier_reason = std::string(kReason),
      .infer = InferRows,
      .expand = Expand<3>,
  };
}

OperatorSpec RmsNorm() {
  return {
      .name = "rms_norm",
      .summary =
          "Divides the features by their root mean square: [F], the last axis of [T,D], the "
          "channels at each position of [C,H,W]",
      .attributes = {Epsilon("added to the mean square", 1e-6)},
      .operands = {{.name = "x"}, ChannelParameter("scale", Initializer::kOnes)},
      .channels = ChannelBehaviour::kBarrier,
      .barrier_reason = std::string(kReason),
      .infer = InferRows,
      .expand = Expand<2>,
  };
}

OperatorSpec GroupNorm() {
  return {
      .name = "group_norm",
      .summary = "Normalises groups of channels over all positions: [C,H,W] or [F]",
      .attributes = {{.name = "groups",
                      .type = AttributeType::kInt,
                      .summary = "groups of consecutive channels; 1: all, as many as channels: "
                                 "instance norm",
                      .minimum = 1,
                      .maximum = 1 << 20},
                     Epsilon("added to the variance", 1e-5)},
      .operands = {{.name = "x"},
                   ChannelParameter("scale", Initializer::kOnes),
                   ChannelParameter("shift", Initializer::kZeros)},
      .channels = ChannelBehaviour::kBarrier,
      .barrier_reason = std::string(kReason),
      .infer = InferGroups,
      .expand = Expand<3>,
  };
}

}  // namespace graft::arch::operators
