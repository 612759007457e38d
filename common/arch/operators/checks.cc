#include "common/arch/operators/checks.h"

#include <algorithm>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"

namespace graft::arch::operators {
namespace {

constexpr double kMaxExtent = 1 << 16;

absl::Status Mismatch(std::string_view operand, std::string_view expected, const ValueType& type) {
  return absl::InvalidArgumentError(absl::StrCat("operand ", base::ToAbsl(operand), " must be ",
                                                 base::ToAbsl(expected), ", got ", ToString(type)));
}

}  // namespace

absl::Status ExpectFeatureMap(std::string_view operand, const ValueType& type) {
  if (type.dtype == tensor::DType::kFloat32 && type.shape.rank() == 3) return absl::OkStatus();
  return Mismatch(operand, "float32 of shape [C,H,W]", type);
}

absl::Status ExpectVector(std::string_view operand, const ValueType& type) {
  if (type.dtype == tensor::DType::kFloat32 && type.shape.rank() == 1) return absl::OkStatus();
  return Mismatch(operand, "float32 of shape [F]", type);
}

absl::Status ExpectFeatures(std::string_view operand, const ValueType& type) {
  const int rank = type.shape.rank();
  if (type.dtype == tensor::DType::kFloat32 && (rank == 1 || rank == 3)) return absl::OkStatus();
  return Mismatch(operand, "float32 of shape [C,H,W] or [F]", type);
}

absl::Status ExpectFeatureRows(std::string_view operand, const ValueType& type) {
  const int rank = type.shape.rank();
  if (type.dtype == tensor::DType::kFloat32 && (rank == 1 || rank == 2)) return absl::OkStatus();
  return Mismatch(operand, "float32 of shape [F] or [T,F]", type);
}

absl::Status ExpectTokens(std::string_view operand, const ValueType& type) {
  if (type.dtype == tensor::DType::kFloat32 && type.shape.rank() == 2) return absl::OkStatus();
  return Mismatch(operand, "float32 of shape [T,D]", type);
}

absl::Status ExpectRows(std::string_view operand, const ValueType& type) {
  const int rank = type.shape.rank();
  if (type.dtype == tensor::DType::kFloat32 && rank >= 1 && rank <= (type.batched ? 3 : 2)) {
    return absl::OkStatus();
  }
  return Mismatch(operand,
                  type.batched ? "float32 of shape [C,H,W], [T,D] or [F]"
                               : "float32 of shape [T,D] or [F] where it is not batched",
                  type);
}

absl::Status ExpectArray(std::string_view operand, const ValueType& type) {
  if (type.dtype == tensor::DType::kFloat32 && type.shape.rank() >= 1 &&
      (!type.batched || type.shape.rank() <= 3)) {
    return absl::OkStatus();
  }
  return Mismatch(operand, "float32 of one to three axes", type);
}

absl::Status ExpectShape(std::string_view operand, const ValueType& type,
                         const tensor::Shape& shape) {
  if (type.dtype == tensor::DType::kFloat32 && type.shape == shape) return absl::OkStatus();
  return Mismatch(operand, absl::StrCat("float32 of shape ", shape.ToString()), type);
}

absl::StatusOr<ValueType> Features(std::initializer_list<std::int64_t> dimensions) {
  ASSIGN_OR_RETURN(const tensor::Shape shape,
                   tensor::Shape::Create(std::span(dimensions.begin(), dimensions.size())));
  return ValueType{tensor::DType::kFloat32, true, shape};
}

absl::StatusOr<ValueType> WithShape(const ValueType& type,
                                    std::span<const std::int64_t> dimensions) {
  ASSIGN_OR_RETURN(const tensor::Shape shape, tensor::Shape::Create(dimensions));
  return ValueType{type.dtype, type.batched, shape};
}

absl::StatusOr<ValueType> InferElementwise(const Attributes&, std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectArray("x", operands[0]));
  return operands[0];
}

absl::StatusOr<std::int64_t> OutputExtent(const Window& window, int axis, std::int64_t extent) {
  const std::string_view name = axis == 0 ? "height" : "width";
  const std::int64_t dilation = window.dilation.empty() ? 1 : window.dilation[axis];
  const std::int64_t kernel = (window.kernel[axis] - 1) * dilation + 1;
  const std::int64_t before = window.padding[axis];
  const std::int64_t after = window.padding[axis + 2];
  if (before >= kernel || after >= kernel) {
    return absl::InvalidArgumentError(absl::StrCat("a padding of ", std::max(before, after),
                                                   " along the ", base::ToAbsl(name),
                                                   " must be smaller than the kernel's ", kernel));
  }
  if (extent + before + after < kernel) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the window does not fit, the result would be below 1x1: kernel ", base::ToAbsl(name), " ",
        kernel, " over ", base::ToAbsl(name), " ", extent, " with padding ", before + after));
  }
  const std::int64_t stride = window.strides[axis];
  const std::int64_t free = extent + before + after - kernel;
  const std::int64_t last = free / stride;
  const bool reaches_out = window.ceil_mode && free % stride != 0;
  return last + (reaches_out && (last + 1) * stride < extent + before ? 2 : 1);
}

AttributeSpec KernelAttribute() {
  return {.name = "kernel",
          .type = AttributeType::kInts,
          .summary = "height and width of the window",
          .minimum = 1,
          .maximum = kMaxExtent,
          .length = 2};
}

AttributeSpec PaddingAttribute() {
  return {.name = "padding",
          .type = AttributeType::kInts,
          .summary = "rows and columns around the operand: top, left, bottom, right",
          .default_value = std::vector<std::int64_t>{0, 0, 0, 0},
          .minimum = 0,
          .maximum = kMaxExtent,
          .length = 4};
}

AttributeSpec DilationAttribute() {
  return {.name = "dilation",
          .type = AttributeType::kInts,
          .summary = "distance between neighbouring taps of the kernel along height and width",
          .default_value = std::vector<std::int64_t>{1, 1},
          .minimum = 1,
          .maximum = kMaxExtent,
          .length = 2,
          .neutral_default = true};
}

std::int64_t SaturatingProduct(std::initializer_list<std::int64_t> factors) {
  std::int64_t product = 1;
  for (const std::int64_t factor : factors) {
    if (__builtin_mul_overflow(product, factor, &product)) {
      return std::numeric_limits<std::int64_t>::max();
    }
  }
  return product;
}

}  // namespace graft::arch::operators
