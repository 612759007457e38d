#include "common/arch/operators/checks.h"
#include "common/arch/operators/operators.h"
#include "common/base/status_macros.h"

namespace graft::arch::operators {
namespace {

// Positions of the operands.
enum { kX, kWeight, kBias };

// x: [C, H, W], weight: [O, C, kh, kw], bias: [O] -> [O, H', W']
absl::StatusOr<ValueType> Infer(const Attributes& attributes, std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectFeatureMap("x", operands[kX]));
  const tensor::Shape& x = operands[kX].shape;
  const tensor::Shape& weight = operands[kWeight].shape;
  if (weight.rank() != 4 || weight.dim(1) != x.dim(0)) {
    return absl::InvalidArgumentError("operand weight must be float32 of shape [O," +
                                      std::to_string(x.dim(0)) + ",kh,kw], got " +
                                      ToString(operands[kWeight]));
  }
  if (operands.size() > kBias) {
    RETURN_IF_ERROR(ExpectShape("bias", operands[kBias], {weight.dim(0)}));
  }
  const Window window{weight.dims().subspan(2), GetInts(attributes, "strides"),
                      GetInts(attributes, "padding")};
  ASSIGN_OR_RETURN(const std::int64_t height, OutputExtent(window, 0, x.dim(1)));
  ASSIGN_OR_RETURN(const std::int64_t width, OutputExtent(window, 1, x.dim(2)));
  return Features({weight.dim(0), height, width});
}

// One MAC a weight and position of the result.
OperatorCost CostOf(const Attributes&, std::span<const ValueType> operands,
                    const ValueType& result) {
  return {.macs = SaturatingProduct(
              {operands[kWeight].shape.ElementCount(), result.shape.dim(1), result.shape.dim(2)})};
}

absl::StatusOr<std::vector<ParameterRequest>> Expand(const Attributes& construction,
                                                     std::span<const ValueType> data,
                                                     Attributes& attributes) {
  RETURN_IF_ERROR(ExpectFeatureMap("x", data[kX]));
  const std::int64_t filters = GetInt(construction, "filters");
  const std::vector<std::int64_t>& kernel = GetInts(construction, "kernel");
  if (!attributes.contains("padding")) {
    // Keeps the size at stride 1; an even kernel has its larger half below and to the right.
    const std::int64_t top = (kernel[0] - 1) / 2;
    const std::int64_t left = (kernel[1] - 1) / 2;
    attributes["padding"] =
        std::vector<std::int64_t>{top, left, kernel[0] - 1 - top, kernel[1] - 1 - left};
  }
  ASSIGN_OR_RETURN(const tensor::Shape weight,
                   tensor::Shape::Create(std::vector<std::int64_t>{filters, data[kX].shape.dim(0),
                                                                   kernel[0], kernel[1]}));
  std::vector<ParameterRequest> requests = {{kWeight, weight}};
  if (GetBool(construction, "bias")) requests.push_back({kBias, tensor::Shape({filters})});
  return requests;
}

}  // namespace

OperatorSpec Convolution() {
  return {
      .name = "convolution",
      .summary = "Two-dimensional cross-correlation over zero padding: [C,H,W] -> [O,H',W']",
      .attributes = {{.name = "strides",
                      .type = AttributeType::kInts,
                      .summary = "steps along height and width",
                      .default_value = std::vector<std::int64_t>{1, 1},
                      .minimum = 1,
                      .maximum = 1 << 16,
                      .length = 2},
                     PaddingAttribute()},
      .operands = {{.name = "x"},
                   {.name = "weight",
                    .kind = OperandSpec::Kind::kParameter,
                    .axes = {AxisRole::kOutputChannel, AxisRole::kInputChannel, AxisRole::kFree,
                             AxisRole::kFree},
                    .initializer = Initializer::kHeNormal},
                   {.name = "bias",
                    .kind = OperandSpec::Kind::kParameter,
                    .optional = true,
                    .axes = {AxisRole::kOutputChannel},
                    .initializer = Initializer::kZeros}},
      .channels = ChannelBehaviour::kAbsorb,
      .infer = Infer,
      .cost = CostOf,
      .construction_attributes = {{.name = "filters",
                                   .type = AttributeType::kInt,
                                   .summary = "output channels",
                                   .minimum = 1,
                                   .maximum = 1 << 20},
                                  KernelAttribute(),
                                  {.name = "bias",
                                   .type = AttributeType::kBool,
                                   .summary = "whether a bias is added",
                                   .default_value = false}},
      .expand = Expand,
  };
}

}  // namespace graft::arch::operators
