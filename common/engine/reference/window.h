// A window that slides over the rows and columns of [C, H, W] within zero padding.
//
// Attributes `strides`, `padding`, and `dilation` where there is one.
#ifndef GRAFT_COMMON_ENGINE_REFERENCE_WINDOW_H_
#define GRAFT_COMMON_ENGINE_REFERENCE_WINDOW_H_

#include <cstdint>
#include <span>

#include "common/arch/attributes.h"
#include "common/tensor/shape.h"

namespace graft::engine::reference {

struct Window {
  std::int64_t kernel_height, kernel_width;
  std::int64_t stride_height, stride_width;
  std::int64_t top, left;      // padding
  std::int64_t height, width;  // of the operand
  std::int64_t dilation_height = 1, dilation_width = 1;

  Window(std::span<const std::int64_t> kernel, const arch::Attributes& attributes,
         const tensor::Shape& operand)
      : kernel_height(kernel[0]),
        kernel_width(kernel[1]),
        stride_height(arch::GetInts(attributes, "strides")[0]),
        stride_width(arch::GetInts(attributes, "strides")[1]),
        top(arch::GetInts(attributes, "padding")[0]),
        left(arch::GetInts(attributes, "padding")[1]),
        height(operand.dim(1)),
        width(operand.dim(2)) {
    if (!attributes.contains("dilation")) return;
    dilation_height = arch::GetInts(attributes, "dilation")[0];
    dilation_width = arch::GetInts(attributes, "dilation")[1];
  }

  // Calls f(kh, kw, position) for each tap of the window at (out_row, out_column) that lies on the
  // operand, in row-major order; `position` = row * width + column of the operand.
  template <typename F>
  void ForEachTap(std::int64_t out_row, std::int64_t out_column, F f) const {
    for (std::int64_t kh = 0; kh < kernel_height; ++kh) {
      const std::int64_t row = out_row * stride_height - top + kh * dilation_height;
      if (row < 0 || row >= height) continue;
      for (std::int64_t kw = 0; kw < kernel_width; ++kw) {
        const std::int64_t column = out_column * stride_width - left + kw * dilation_width;
        if (column < 0 || column >= width) continue;
        f(kh, kw, row * width + column);
      }
    }
  }
};

}  // namespace graft::engine::reference

#endif  // GRAFT_COMMON_ENGINE_REFERENCE_WINDOW_H_
