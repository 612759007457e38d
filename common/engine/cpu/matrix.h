// Matrix products by oneDNN.
#ifndef GRAFT_COMMON_ENGINE_CPU_MATRIX_H_
#define GRAFT_COMMON_ENGINE_CPU_MATRIX_H_

#include <cstdint>

#include "absl/status/status.h"
#include "common/engine/cpu/kernel.h"

namespace graft::engine::cpu {

// A row-major matrix as it lies in memory, and whether it is taken transposed.
struct Matrix {
  const float* data = nullptr;
  std::int64_t stride = 0;  // from row to row
  bool transposed = false;
};

// c = alpha a b + beta c: a is [m, k] and b is [k, n] after transposing. INTERNAL if oneDNN fails.
absl::Status MultiplyMatrices(std::int64_t m, std::int64_t n, std::int64_t k, float alpha,
                              const Matrix& a, const Matrix& b, float beta, float* c,
                              std::int64_t stride_c);

// The beta that a gradient's use asks for.
inline float Beta(GradientUse use) { return use == GradientUse::kAdd ? 1.0F : 0.0F; }

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_MATRIX_H_
