#include "common/arch/operators/checks.h"
#include "common/arch/operators/operators.h"
#include "common/base/status_macros.h"

namespace graft::arch::operators {
namespace {

// x: [C, H, W] -> [C, H', W']
absl::StatusOr<ValueType> InferWindow(const Attributes& attributes,
                                      std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectFeatureMap("x", operands[0]));
  const tensor::Shape& x = operands[0].shape;
  const Window window{.kernel = GetInts(attributes, "kernel"),
                      .strides = GetInts(attributes, "strides"),
                      .padding = GetInts(attributes, "padding"),
                      .ceil_mode = GetBool(attributes, "ceil_mode")};
  ASSIGN_OR_RETURN(const std::int64_t height, OutputExtent(window, 0, x.dim(1)));
  ASSIGN_OR_RETURN(const std::int64_t width, OutputExtent(window, 1, x.dim(2)));
  return Features({x.dim(0), height, width});
}

// x: [C, H, W] -> [C]
absl::StatusOr<ValueType> InferGlobal(const Attributes&, std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectFeatureMap("x", operands[0]));
  return Features({operands[0].shape.dim(0)});
}

void CompleteStrides(Attributes& attributes) {
  std::vector<std::int64_t> strides = GetInts(attributes, "strides");
  const std::vector<std::int64_t>& kernel = GetInts(attributes, "kernel");
  for (std::size_t axis = 0; axis < strides.size(); ++axis) {
    if (strides[axis] == 0) strides[axis] = kernel[axis];
  }
  attributes["strides"] = std::move(strides);
}

OperatorSpec WindowPool(std::string name, std::string summary) {
  return {
      .name = std::move(name),
      .summary = std::move(summary),
      .attributes = {KernelAttribute(),
                     {.name = "strides",
                      .type = AttributeType::kInts,
                      .summary = "steps along height and width; 0: as the kernel",
                      .default_value = std::vector<std::int64_t>{0, 0},
                      .minimum = 0,
                      .maximum = 1 << 16,
                      .length = 2},
                     PaddingAttribute(),
                     {.name = "ceil_mode",
                      .type = AttributeType::kBool,
                      .summary = "whether the result's extent is rounded up: a last window reaches "
                                 "beyond the padding",
                      .default_value = false,
                      .neutral_default = true}},
      .operands = {{.name = "x"}},
      .channels = ChannelBehaviour::kPass,
      .infer = InferWindow,
      .complete = CompleteStrides,
  };
}

OperatorSpec GlobalPool(std::string name, std::string summary) {
  return {
      .name = std::move(name),
      .summary = std::move(summary),
      .operands = {{.name = "x"}},
      .channels = ChannelBehaviour::kPass,
      .infer = InferGlobal,
  };
}

}  // namespace

OperatorSpec MaxPool() {
  return WindowPool("max_pool", "Largest element of each window: [C,H,W] -> [C,H',W']");
}

OperatorSpec AveragePool() {
  return WindowPool("average_pool",
                    "Mean of each window without its padding: [C,H,W] -> [C,H',W']");
}

OperatorSpec GlobalMaxPool() {
  return GlobalPool("global_max_pool", "Largest element of each channel: [C,H,W] -> [C]");
}

OperatorSpec GlobalAveragePool() {
  return GlobalPool("global_average_pool", "Mean of each channel: [C,H,W] -> [C]");
}

}  // namespace graft::arch::operators
