// Loops over rows of features, which lie together in every layout: [F], a token of [T, D], the
// channels of a position.
#ifndef GRAFT_COMMON_ENGINE_CPU_ROWS_H_
#define GRAFT_COMMON_ENGINE_CPU_ROWS_H_

#include <cstdint>

#include "common/engine/cpu/simd.h"

namespace graft::engine::cpu {

// The sum of term(i) for i < size, in 16 partial sums: one order on every processor.
template <typename F>
GRAFT_INLINE float SumInLanes(std::int64_t size, F term) {
  constexpr std::int64_t kLanes = 16;
  float lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += term(i + lane);
  }
  for (std::int64_t lane = 0; i < size; ++i, ++lane) lanes[lane] += term(i);
  for (std::int64_t width = kLanes / 2; width > 0; width /= 2) {
    for (std::int64_t lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
  }
  return lanes[0];
}

// y = softmax(scale x) by row; `log_sum`, unless null, takes log(sum(exp(scale x))) of each. Rows
// lie together. May work in place.
void SoftmaxRows(const float* x, std::int64_t rows, std::int64_t length, float scale, float* y,
                 float* log_sum);

// dx = y (dy - sum(y dy)) by row, added to dx if `add`. May work in place where it does not add.
void SoftmaxBackwardRows(const float* y, const float* dy, std::int64_t rows, std::int64_t length,
                         bool add, float* dx);

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_ROWS_H_
