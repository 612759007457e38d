#include "common/engine/cpu/loops.h"

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
