// Sums and products of several values, element by element.
#include "absl/strings/str_cat.h"
#include "common/arch/operators/checks.h"
#include "common/arch/operators/operators.h"
#include "common/base/status_macros.h"

namespace graft::arch::operators {
namespace {

// Whether `other` is repeated over `first`: one element a channel, or one in all.
bool IsRepeated(const tensor::Shape& first, const tensor::Shape& other) {
  return other.rank() == 1 && (other.dim(0) == 1 || other.dim(0) == first.dim(ChannelAxis(first)));
}

// x[0]: any shape; each other of the same shape, one element a channel, or one element; batched at
// most where x[0] is -> as x[0]
absl::StatusOr<ValueType> Infer(const Attributes&, std::span<const ValueType> operands) {
  if (operands.size() < 2) {
    return absl::InvalidArgumentError("at least two operands are needed");
  }
  const ValueType& first = operands[0];
  for (std::size_t i = 0; i < operands.size(); ++i) {
    RETURN_IF_ERROR(ExpectArray("x", operands[i]));
    const tensor::Shape& shape = operands[i].shape;
    if (shape != first.shape && !IsRepeated(first.shape, shape)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "operand x[", i, "] is ", ToString(operands[i]), " but x[0] is ", ToString(first),
          ": all must be equal, or have one element for each of its channels or one in all"));
    }
    if (operands[i].batched && !first.batched) {
      return absl::InvalidArgumentError(
          absl::StrCat("operand x[", i, "] is batched but x[0], ", ToString(first), ", is not"));
    }
  }
  return first;
}

OperatorSpec Elementwise(std::string name, std::string summary) {
  return {
      .name = std::move(name),
      .summary = std::move(summary),
      .operands = {{.name = "x", .variadic = true, .unbatched = true}},
      .channels = ChannelBehaviour::kJoin,
      .infer = Infer,
  };
}

}  // namespace

OperatorSpec Add() {
  return Elementwise(
      "add", "Element-wise sum of two or more values; vectors [C] are added to each channel");
}

OperatorSpec Multiply() {
  return Elementwise(
      "multiply", "Element-wise product of two or more values; vectors [C] multiply each channel");
}

}  // namespace graft::arch::operators
