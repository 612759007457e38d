// Values with the same elements in other places.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/arch/operators/checks.h"
#include "common/arch/operators/operators.h"
#include "common/base/status_macros.h"

namespace graft::arch::operators {
namespace {

constexpr double kMaxExtent = 1 << 30;

using Dimensions = std::vector<std::int64_t>;

Dimensions Dims(const ValueType& type) {
  return {type.shape.dims().begin(), type.shape.dims().end()};
}

absl::Status ExpectOneAnAxis(absl::string_view attribute, const Dimensions& values,
                             const ValueType& x) {
  if (static_cast<int>(values.size()) == x.shape.rank()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("attribute ", attribute,
                                                 " must have one element an axis of operand x, ",
                                                 ToString(x), ", got ", values.size()));
}

// Pass where the channels stay as they are.
ChannelBehaviour PassIf(bool unchanged) {
  return unchanged ? ChannelBehaviour::kPass : ChannelBehaviour::kBarrier;
}

absl::StatusOr<ValueType> InferSlice(const Attributes& attributes,
                                     std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectArray("x", operands[0]));
  Dimensions dimensions = Dims(operands[0]);
  const std::int64_t axis = GetInt(attributes, "axis");
  const std::int64_t start = GetInt(attributes, "start");
  const std::int64_t length = GetInt(attributes, "length");
  if (axis >= operands[0].shape.rank()) {
    return absl::InvalidArgumentError(absl::StrCat("attribute axis must be an axis of operand x, ",
                                                   ToString(operands[0]), ", got ", axis));
  }
  if (start + length > dimensions[axis]) {
    return absl::InvalidArgumentError(absl::StrCat("attributes start and length, ", start, " and ",
                                                   length, ", go beyond the ", dimensions[axis],
                                                   " elements of axis ", axis));
  }
  dimensions[axis] = length;
  return WithShape(operands[0], dimensions);
}

ChannelBehaviour SliceChannels(const Attributes& attributes, std::span<const ValueType> operands) {
  return PassIf(GetInt(attributes, "axis") != ChannelAxis(operands[0].shape));
}

absl::StatusOr<ValueType> InferPad(const Attributes& attributes,
                                   std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectArray("x", operands[0]));
  const Dimensions& before = GetInts(attributes, "before");
  const Dimensions& after = GetInts(attributes, "after");
  RETURN_IF_ERROR(ExpectOneAnAxis("before", before, operands[0]));
  RETURN_IF_ERROR(ExpectOneAnAxis("after", after, operands[0]));
  Dimensions dimensions = Dims(operands[0]);
  for (std::size_t axis = 0; axis < dimensions.size(); ++axis) {
    dimensions[axis] += before[axis] + after[axis];
  }
  return WithShape(operands[0], dimensions);
}

ChannelBehaviour PadChannels(const Attributes& attributes, std::span<const ValueType> operands) {
  const int axis = ChannelAxis(operands[0].shape);
  return PassIf(GetInts(attributes, "before")[axis] == 0 &&
                GetInts(attributes, "after")[axis] == 0);
}

absl::StatusOr<ValueType> InferTranspose(const Attributes& attributes,
                                         std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectArray("x", operands[0]));
  const Dimensions& permutation = GetInts(attributes, "permutation");
  RETURN_IF_ERROR(ExpectOneAnAxis("permutation", permutation, operands[0]));
  Dimensions sorted = permutation;
  std::ranges::sort(sorted);
  Dimensions dimensions;
  for (std::size_t axis = 0; axis < sorted.size(); ++axis) {
    if (sorted[axis] != static_cast<std::int64_t>(axis)) {
      return absl::InvalidArgumentError(
          absl::StrCat("attribute permutation must hold each of 0 to ", sorted.size() - 1,
                       " once, got [", absl::StrJoin(permutation, ","), "]"));
    }
    dimensions.push_back(operands[0].shape.dim(static_cast<int>(permutation[axis])));
  }
  return WithShape(operands[0], dimensions);
}

ChannelBehaviour TransposeChannels(const Attributes& attributes,
                                   std::span<const ValueType> operands) {
  const int axis = ChannelAxis(operands[0].shape);
  return PassIf(GetInts(attributes, "permutation")[axis] == axis);
}

// x: [C, H, W] -> [H * W, C]
absl::StatusOr<ValueType> InferTokens(const Attributes&, std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectFeatureMap("x", operands[0]));
  const tensor::Shape& x = operands[0].shape;
  return Features({x.dim(1) * x.dim(2), x.dim(0)});
}

// x: [height * width, C] -> [C, height, width]
absl::StatusOr<ValueType> InferFeatureMap(const Attributes& attributes,
                                          std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectTokens("x", operands[0]));
  const tensor::Shape& x = operands[0].shape;
  const std::int64_t height = GetInt(attributes, "height");
  const std::int64_t width = GetInt(attributes, "width");
  if (height * width != x.dim(0)) {
    return absl::InvalidArgumentError(absl::StrCat("attributes height and width, ", height, " and ",
                                                   width, ", do not make the operand's ", x.dim(0),
                                                   " tokens"));
  }
  return Features({x.dim(1), height, width});
}

AttributeSpec Integer(std::string name, std::string summary, double minimum) {
  return {.name = std::move(name),
          .type = AttributeType::kInt,
          .summary = std::move(summary),
          .minimum = minimum,
          .maximum = kMaxExtent};
}

AttributeSpec OneAnAxis(std::string name, std::string summary) {
  return {.name = std::move(name),
          .type = AttributeType::kInts,
          .summary = std::move(summary),
          .minimum = 0,
          .maximum = kMaxExtent};
}

}  // namespace

OperatorSpec Slice() {
  AttributeSpec axis = Integer("axis", "axis without the batch", 0);
  axis.default_value = std::int64_t{0};
  axis.maximum = tensor::Shape::kMaxRank - 1;
  return {
      .name = "slice",
      .summary = "`length` elements along an axis from `start` on",
      .attributes = {axis, Integer("start", "first element", 0),
                     Integer("length", "number of elements", 1)},
      .operands = {{.name = "x", .unbatched = true}},
      .channels = ChannelBehaviour::kPass,
      .channels_of = SliceChannels,
      .barrier_reason = "it takes some of the channels",
      .infer = InferSlice,
  };
}

OperatorSpec Pad() {
  return {
      .name = "pad",
      .summary = "Zeros around a value",
      .attributes = {OneAnAxis("before", "zeros before each axis, without the batch"),
                     OneAnAxis("after", "zeros behind each axis, without the batch")},
      .operands = {{.name = "x", .unbatched = true}},
      .channels = ChannelBehaviour::kPass,
      .channels_of = PadChannels,
      .barrier_reason = "it adds channels of zeros",
      .infer = InferPad,
  };
}

OperatorSpec Transpose() {
  return {
      .name = "transpose",
      .summary = "Axes in another order",
      .attributes = {OneAnAxis("permutation",
                               "for each axis of the result the operand's, without the batch")},
      .operands = {{.name = "x", .unbatched = true}},
      .channels = ChannelBehaviour::kPass,
      .channels_of = TransposeChannels,
      .barrier_reason = "it moves the channels to another axis",
      .infer = InferTranspose,
  };
}

OperatorSpec Tokens() {
  return {
      .name = "tokens",
      .summary = "Positions as tokens, row by row: [C,H,W] -> [H*W,C]",
      .operands = {{.name = "x"}},
      .channels = ChannelBehaviour::kPass,
      .infer = InferTokens,
  };
}

OperatorSpec FeatureMap() {
  return {
      .name = "feature_map",
      .summary = "Tokens as positions, row by row: [height*width,C] -> [C,height,width]",
      .attributes = {Integer("height", "rows of the result", 1),
                     Integer("width", "columns of the result", 1)},
      .operands = {{.name = "x"}},
      .channels = ChannelBehaviour::kPass,
      .infer = InferFeatureMap,
  };
}

}  // namespace graft::arch::operators
