#include "common/engine/cpu/rows.h"

#include "common/engine/cpu/float_math.h"

namespace graft::engine::cpu {
namespace {

// In 16 lanes, which are vectorised. Without NaNs.
GRAFT_INLINE float LargestOf(const float* x, std::int64_t size) {
  constexpr std::int64_t kLanes = 16;
  float lanes[kLanes];
  for (float& lane : lanes) lane = x[0];
  std::int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] = x[i + lane] > lanes[lane] ? x[i + lane] : lanes[lane];
    }
  }
  float largest = lanes[0];
  for (; i < size; ++i) largest = x[i] > largest ? x[i] : largest;
  for (const float lane : lanes) largest = lane > largest ? lane : largest;
  return largest;
}

}  // namespace

GRAFT_SIMD void SoftmaxRows(const float* x, std::int64_t rows, std::int64_t length, float scale,
                            float* y, float* log_sum) {
  for (std::int64_t row = 0; row < rows; ++row, x += length, y += length) {
    const float largest = scale * LargestOf(x, length);
    for (std::int64_t i = 0; i < length; ++i) y[i] = Exp(scale * x[i] - largest);
    const float sum = SumInLanes(length, [y](std::int64_t i) { return y[i]; });
    const float inverse = 1.0F / sum;
    for (std::int64_t i = 0; i < length; ++i) y[i] *= inverse;
    if (log_sum != nullptr) log_sum[row] = largest + Log(sum);
  }
}

GRAFT_SIMD void SoftmaxBackwardRows(const float* y, const float* dy, std::int64_t rows,
                                    std::int64_t length, bool add, float* dx) {
  for (std::int64_t row = 0; row < rows; ++row, y += length, dy += length, dx += length) {
    const float sum = SumInLanes(length, [y, dy](std::int64_t i) { return y[i] * dy[i]; });
    for (std::int64_t i = 0; i < length; ++i) {
      const float value = y[i] * (dy[i] - sum);
      dx[i] = add ? dx[i] + value : value;
    }
  }
}

}  // namespace graft::engine::cpu
