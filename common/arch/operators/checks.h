// Checks that the operators' shape inference shares. Internal to common/arch.
#ifndef GRAFT_COMMON_ARCH_OPERATORS_CHECKS_H_
#define GRAFT_COMMON_ARCH_OPERATORS_CHECKS_H_

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/arch/operator_spec.h"

namespace graft::arch::operators {

// Each is INVALID_ARGUMENT, saying which operand was expected to be what, and what it is.

// float32 [C, H, W]
absl::Status ExpectFeatureMap(std::string_view operand, const ValueType& type);
// float32 [F]
absl::Status ExpectVector(std::string_view operand, const ValueType& type);
// float32 [C, H, W] or [F]
absl::Status ExpectFeatures(std::string_view operand, const ValueType& type);
// float32 [F] or [T, F]
absl::Status ExpectFeatureRows(std::string_view operand, const ValueType& type);
// float32 [T, D]
absl::Status ExpectTokens(std::string_view operand, const ValueType& type);
// float32 [C, H, W], [T, D] or [F]: rows of features. Not batched, [T, D] or [F].
absl::Status ExpectRows(std::string_view operand, const ValueType& type);
// float32 of at least one axis
absl::Status ExpectArray(std::string_view operand, const ValueType& type);
// float32 of exactly this shape
absl::Status ExpectShape(std::string_view operand, const ValueType& type,
                         const tensor::Shape& shape);

// A batched float32 value, or an error if its shape is out of bounds.
absl::StatusOr<ValueType> Features(std::initializer_list<std::int64_t> dimensions);

// `type` with another shape, or an error if that is out of bounds.
absl::StatusOr<ValueType> WithShape(const ValueType& type,
                                    std::span<const std::int64_t> dimensions);

// Shape inference of an operator that works element by element: the operand's type. For float32 of
// any shape, batched or not.
absl::StatusOr<ValueType> InferElementwise(const Attributes& attributes,
                                           std::span<const ValueType> operands);

// A sliding window over [C, H, W]. `kernel`, `strides` and `dilation` are [height, width],
// `padding` is [top, left, bottom, right], each smaller than the kernel's reach, (kernel - 1)
// dilation + 1, so that no window lies in it wholly.
struct Window {
  std::span<const std::int64_t> kernel;
  std::span<const std::int64_t> strides;
  std::span<const std::int64_t> padding;
  std::span<const std::int64_t> dilation = {};  // empty: 1
  // Whether there is a last window that begins on the operand or the padding before it and reaches
  // beyond the padding behind it.
  bool ceil_mode = false;
};

// Extent of the result along axis 0 (height) or 1 (width):
// floor((extent + padding - reach) / stride) + 1, rounded up in ceil mode.
// INVALID_ARGUMENT if it is below 1.
absl::StatusOr<std::int64_t> OutputExtent(const Window& window, int axis, std::int64_t extent);

// Attributes that windows share.
AttributeSpec KernelAttribute();
AttributeSpec PaddingAttribute();
AttributeSpec DilationAttribute();

// min(a * b * ..., 2^63 - 1); no factor is negative.
std::int64_t SaturatingProduct(std::initializer_list<std::int64_t> factors);

}  // namespace graft::arch::operators

#endif  // GRAFT_COMMON_ARCH_OPERATORS_CHECKS_H_
