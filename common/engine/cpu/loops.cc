#include "common/engine/cpu/loops.h"

#include <algorithm>
#include <cstring>

#include "common/engine/cpu/simd.h"

namespace graft::engine::cpu {

void Copy(const float* from, std::int64_t size, float* to) {
  std::memcpy(to, from, static_cast<std::size_t>(size) * sizeof(float));
}

GRAFT_SIMD void Accumulate(const float* __restrict x, std::int64_t size, float* __restrict sum) {
  for (std::int64_t i = 0; i < size; ++i) sum[i] += x[i];
}

void PassGradient(GradientUse use, const float* from, std::int64_t size, float* to) {
  if (use == GradientUse::kWrite) Copy(from, size, to);
  if (use == GradientUse::kAdd) Accumulate(from, size, to);
}

GRAFT_SIMD void SumRows(const float* __restrict x, std::int64_t rows, std::int64_t columns,
                        float* __restrict sum) {
  constexpr std::int64_t kColumnsPerBlock = 64;
  constexpr std::int64_t kRowsPerBlock = 256;
  for (std::int64_t first = 0; first < columns; first += kColumnsPerBlock) {
    const std::int64_t width = std::min(kColumnsPerBlock, columns - first);
    for (std::int64_t start = 0; start < rows; start += kRowsPerBlock) {
      const std::int64_t end = std::min(start + kRowsPerBlock, rows);
      float block[kColumnsPerBlock] = {};
      for (std::int64_t row = start; row < end; ++row) {
        for (std::int64_t c = 0; c < width; ++c) block[c] += x[row * columns + first + c];
      }
      for (std::int64_t c = 0; c < width; ++c) sum[first + c] += block[c];
    }
  }
}

void Transpose(const float* in, std::int64_t batch, std::int64_t rows, std::int64_t columns,
               float* out) {
  const std::int64_t matrix = rows * columns;
  if (rows == 1 || columns == 1) {
    Copy(in, batch * matrix, out);
    return;
  }
  for (std::int64_t n = 0; n < batch; ++n, in += matrix, out += matrix) {
    for (std::int64_t c = 0; c < columns; ++c) {
      for (std::int64_t r = 0; r < rows; ++r) out[c * rows + r] = in[r * columns + c];
    }
  }
}

}  // namespace graft::engine::cpu
