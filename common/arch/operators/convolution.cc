#include "absl/strings/str_cat.h"
#include "common/arch/operators/checks.h"
#include "common/arch/operators/operators.h"
#include "common/base/status_macros.h"

namespace graft::arch::operators {
namespace {

// Positions of the operands.
enum { kX, kWeight, kBias };

AttributeSpec GroupsAttribute() {
  return {.name = "groups",
          .type = AttributeType::kInt,
          .summary =
              "parts into which the channels of operand and result are cut, each convolved "
              "on its own; as many as channels: depthwise",
          .default_value = std::int64_t{1},
          .minimum = 1,
          .maximum = 1 << 20,
          .neutral_default = true};
}

absl::Status CheckGroups(std::int64_t groups, std::int64_t channels, std::int64_t filters) {
  if (channels % groups == 0 && filters % groups == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("attribute groups must divide the operand's ",
                                                 channels, " channels and the result's ", filters,
                                                 ", got ", groups));
}

// x: [C, H, W], weight: [O, C / groups, kh, kw], bias: [O] -> [O, H', W']
absl::StatusOr<ValueType> Infer(const Attributes& attributes, std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectFeatureMap("x", operands[kX]));
  const tensor::Shape& x = operands[kX].shape;
  const tensor::Shape& weight = operands[kWeight].shape;
  const std::int64_t groups = GetInt(attributes, "groups");
  if (weight.rank() == 4) RETURN_IF_ERROR(CheckGroups(groups, x.dim(0), weight.dim(0)));
  if (weight.rank() != 4 || weight.dim(1) != x.dim(0) / groups) {
    return absl::InvalidArgumentError(absl::StrCat("operand weight must be float32 of shape [O,",
                                                   x.dim(0) / groups, ",kh,kw], got ",
                                                   ToString(operands[kWeight])));
  }
  if (operands.size() > kBias) {
    RETURN_IF_ERROR(ExpectShape("bias", operands[kBias], {weight.dim(0)}));
  }
  const Window window{weight.dims().subspan(2), GetInts(attributes, "strides"),
                      GetInts(attributes, "padding"), GetInts(attributes, "dilation")};
  ASSIGN_OR_RETURN(const std::int64_t height, OutputExtent(window, 0, x.dim(1)));
  ASSIGN_OR_RETURN(const std::int64_t width, OutputExtent(window, 1, x.dim(2)));
  return Features({weight.dim(0), height, width});
}

// A depthwise convolution keeps its channels apart.
ChannelBehaviour ChannelsOf(const Attributes& attributes, std::span<const ValueType> operands) {
  const std::int64_t groups = GetInt(attributes, "groups");
  if (groups == 1) return ChannelBehaviour::kAbsorb;
  const bool depthwise =
      groups == operands[kX].shape.dim(0) && groups == operands[kWeight].shape.dim(0);
  return depthwise ? ChannelBehaviour::kPass : ChannelBehaviour::kBarrier;
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
  const auto groups = std::get<std::int64_t>(ValueOrDefault(GroupsAttribute(), attributes));
  const std::int64_t channels = data[kX].shape.dim(0);
  RETURN_IF_ERROR(CheckGroups(groups, channels, filters));
  if (!attributes.contains("padding")) {
    // Keeps the size at stride 1; an odd sum has its larger half below and to the right.
    const auto dilation =
        std::get<std::vector<std::int64_t>>(ValueOrDefault(DilationAttribute(), attributes));
    const std::int64_t rows = (kernel[0] - 1) * dilation[0];
    const std::int64_t columns = (kernel[1] - 1) * dilation[1];
    attributes["padding"] =
        std::vector<std::int64_t>{rows / 2, columns / 2, rows - rows / 2, columns - columns / 2};
  }
  ASSIGN_OR_RETURN(const tensor::Shape weight,
                   tensor::Shape::Create(std::vector<std::int64_t>{filters, channels / groups,
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
                     PaddingAttribute(),
                     GroupsAttribute(),
                     DilationAttribute()},
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
      .channels_of = ChannelsOf,
      .barrier_reason = "its channels are in groups that are neither one for all nor one for each",
      .width_attribute = "groups",
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
