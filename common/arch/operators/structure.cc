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

absl::StatusOr<ValueType> InferAdd(const Attributes&, std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectSeveral(operands));
  for (std::size_t i = 0; i < operands.size(); ++i) {
    RETURN_IF_ERROR(ExpectFeatures("x", operands[i]));
    if (operands[i] != operands[0]) {
      return Differs(i, operands[0], operands[i], "all must be equal");
    }
  }
  return operands[0];
}

// x[i]: [C_i, H, W] or [F_i] -> [sum C_i, H, W] or [sum F_i]
absl::StatusOr<ValueType> InferConcat(const Attributes&, std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectSeveral(operands));
  const tensor::Shape& first = operands[0].shape;
  std::int64_t channels = 0;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    RETURN_IF_ERROR(ExpectFeatures("x", operands[i]));
    const tensor::Shape& shape = operands[i].shape;
    const bool same_rank = shape.rank() == first.rank();
    if (!same_rank ||
        (shape.rank() == 3 && (shape.dim(1) != first.dim(1) || shape.dim(2) != first.dim(2)))) {
      return Differs(i, operands[0], operands[i], "all but the channels must be equal");
    }
    if (__builtin_add_overflow(channels, shape.dim(0), &channels)) {
      return absl::InvalidArgumentError("too many channels");
    }
  }
  if (first.rank() == 1) return Features({channels});
  return Features({channels, first.dim(1), first.dim(2)});
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

OperatorSpec Add() {
  return {
      .name = "add",
      .summary = "Element-wise sum of two or more values of one shape",
      .operands = {{.name = "x", .variadic = true}},
      .channels = ChannelBehaviour::kJoin,
      .infer = InferAdd,
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
