#include "absl/strings/str_cat.h"
#include "common/arch/operators/checks.h"
#include "common/arch/operators/operators.h"
#include "common/base/status_macros.h"

namespace graft::arch::operators {
namespace {

// x: [C, H, W] -> [C * H * W]
absl::StatusOr<ValueType> InferFlatten(const Attributes&, std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectFeatureMap("x", operands[0]));
  return Features({operands[0].shape.ElementCount()});
}

absl::Status ExpectSeveral(std::span<const ValueType> operands) {
  if (operands.size() >= 2) return absl::OkStatus();
  return absl::InvalidArgumentError("at least two operands are needed");
}

absl::Status Differs(std::size_t position, const ValueType& first, const ValueType& other,
                     absl::string_view rule) {
  return absl::InvalidArgumentError(absl::StrCat("operand x[", position, "] is ", ToString(other),
                                                 " but x[0] is ", ToString(first), ": ", rule));
}

// x[i]: [C_i, H, W], [T, C_i] or [C_i] -> one of sum C_i channels
absl::StatusOr<ValueType> InferConcat(const Attributes&, std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectSeveral(operands));
  const tensor::Shape& first = operands[0].shape;
  const int axis = ChannelAxis(first);
  std::int64_t channels = 0;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    RETURN_IF_ERROR(ExpectRows("x", operands[i]));
    const tensor::Shape& shape = operands[i].shape;
    bool fits = shape.rank() == first.rank();
    for (int other = 0; fits && other < first.rank(); ++other) {
      fits = other == axis || shape.dim(other) == first.dim(other);
    }
    if (!fits) return Differs(i, operands[0], operands[i], "all but the channels must be equal");
    if (__builtin_add_overflow(channels, shape.dim(axis), &channels)) {
      return absl::InvalidArgumentError("too many channels");
    }
  }
  std::vector<std::int64_t> dimensions(first.dims().begin(), first.dims().end());
  dimensions[axis] = channels;
  return WithShape(operands[0], dimensions);
}

}  // namespace

OperatorSpec Flatten() {
  return {
      .name = "flatten",
      .summary = "Row-major: [C,H,W] -> [C*H*W]",
      .operands = {{.name = "x"}},
      .channels = ChannelBehaviour::kMap,
      .infer = InferFlatten,
  };
}

OperatorSpec Concat() {
  return {
      .name = "concat",
      .summary = "Two or more values behind one another along the channels",
      .operands = {{.name = "x", .variadic = true}},
      .channels = ChannelBehaviour::kOffset,
      .infer = InferConcat,
  };
}

}  // namespace graft::arch::operators
