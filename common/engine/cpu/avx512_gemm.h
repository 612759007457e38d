// Products of small matrices in the first caches. For files that are compiled for AVX-512: these
// include no header with inline functions that others include, too, because the linker may keep
// theirs. Internal to engine/cpu.
#ifndef GRAFT_COMMON_ENGINE_CPU_AVX512_GEMM_H_
#define GRAFT_COMMON_ENGINE_CPU_AVX512_GEMM_H_

#include <immintrin.h>
#include <stdint.h>

namespace graft::engine::cpu {

inline constexpr int64_t kLanes = 16;

// The lanes of the vector that begins `left` elements before the end.
static inline __mmask16 LanesOf(int64_t left) {
  return left >= kLanes ? static_cast<__mmask16>(0xFFFF)
                        : static_cast<__mmask16>(0xFFFF >> (kLanes - left));
}

// c [m, n] = or += a [m, k] b [k, n]. Element (i, p) of a is a[i * a_row + p * a_column]; b and c
// are row-major with the given strides.
struct GemmOperands {
  const float* a;
  int64_t a_row;
  int64_t a_column;
  const float* b;
  int64_t b_row;
  float* c;
  int64_t c_row;
};

// Rows of c and vectors along its columns that are kept in registers. `last` masks the last vector.
template <int kRows, int kVectors>
static inline __attribute__((always_inline)) void GemmBlock(int64_t k, const GemmOperands& at,
                                                            __mmask16 last, bool add) {
  __m512 sum[kRows][kVectors];
  __mmask16 mask[kVectors];
  for (int j = 0; j < kVectors; ++j) mask[j] = j == kVectors - 1 ? last : 0xFFFF;
  for (int i = 0; i < kRows; ++i) {
    for (int j = 0; j < kVectors; ++j) {
      sum[i][j] = add ? _mm512_maskz_loadu_ps(mask[j], at.c + i * at.c_row + j * kLanes)
                      : _mm512_setzero_ps();
    }
  }
  for (int64_t p = 0; p < k; ++p) {
    __m512 b[kVectors];
    for (int j = 0; j < kVectors; ++j) {
      b[j] = _mm512_maskz_loadu_ps(mask[j], at.b + p * at.b_row + j * kLanes);
    }
    for (int i = 0; i < kRows; ++i) {
      const __m512 a = _mm512_set1_ps(at.a[i * at.a_row + p * at.a_column]);
      for (int j = 0; j < kVectors; ++j) sum[i][j] = _mm512_fmadd_ps(a, b[j], sum[i][j]);
    }
  }
  for (int i = 0; i < kRows; ++i) {
    for (int j = 0; j < kVectors; ++j) {
      _mm512_mask_storeu_ps(at.c + i * at.c_row + j * kLanes, mask[j], sum[i][j]);
    }
  }
}

// All rows of a panel of kVectors vectors.
template <int kRows, int kVectors>
static void GemmPanel(int64_t m, int64_t k, GemmOperands at, __mmask16 last, bool add) {
  const auto advance = [&at](int64_t rows) {
    at.a += rows * at.a_row;
    at.c += rows * at.c_row;
  };
  int64_t i = 0;
  for (; i + kRows <= m; i += kRows, advance(kRows)) GemmBlock<kRows, kVectors>(k, at, last, add);
  for (; i + 4 <= m; i += 4, advance(4)) GemmBlock<4, kVectors>(k, at, last, add);
  for (; i < m; ++i, advance(1)) GemmBlock<1, kVectors>(k, at, last, add);
}

static inline void Gemm(int64_t m, int64_t n, int64_t k, GemmOperands at, bool add) {
  constexpr int64_t kWidest = 4 * kLanes;
  for (; n > 0; n -= kWidest, at.b += kWidest, at.c += kWidest) {
    const int64_t vectors = n >= kWidest ? 4 : (n + kLanes - 1) / kLanes;
    const __mmask16 last = LanesOf(n - (vectors - 1) * kLanes);
    // As many rows as 32 registers hold beside b and a.
    if (vectors == 4) GemmPanel<6, 4>(m, k, at, last, add);
    if (vectors == 3) GemmPanel<8, 3>(m, k, at, last, add);
    if (vectors == 2) GemmPanel<12, 2>(m, k, at, last, add);
    if (vectors == 1) GemmPanel<12, 1>(m, k, at, last, add);
  }
}

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_AVX512_GEMM_H_
