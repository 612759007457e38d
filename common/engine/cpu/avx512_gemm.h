// Products of small matrices in the first caches. For files that are compiled for AVX-512: these
// include no header with inline functions that others include, too, because the linker may keep
// theirs. Internal to engine/cpu.
#ifndef GRAFT_COMMON_ENGINE_CPU_AVX512_GEMM_H_
#define GRAFT_COMMON_ENGINE_CPU_AVX512_GEMM_H_

#include <immintrin.h>
#include <stdint.h>

// Before a loop of few rounds over vectors, which are kept in registers only if no loop is left.
#define GRAFT_UNROLLED _Pragma("GCC unroll 64")

namespace graft::engine::cpu {

inline constexpr int64_t kLanes = 16;

// The lanes of the vector that begins `left` elements before the end.
static inline __mmask16 LanesOf(int64_t left) {
  return left >= kLanes ? static_cast<__mmask16>(0xFFFF)
                        : static_cast<__mmask16>(0xFFFF >> (kLanes - left));
}

static inline int64_t RoundUp(int64_t elements) {
  return (elements + kLanes - 1) / kLanes * kLanes;
}
static inline int64_t Smaller(int64_t a, int64_t b) { return a < b ? a : b; }

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
  bool c_padded = false;  // rows of c may be written up to the next multiple of kLanes
};

// What a product does at each step of its sums: nothing.
struct NothingAhead {
  inline void Step() {}
};

// Or it brings memory that will be read next, in two pieces, into the second cache. The next
// product would wait for it, because its first rows ask for all of it at once.
struct ReadAhead {
  inline void Step() {
    _mm_prefetch(first, _MM_HINT_T1);
    _mm_prefetch(second, _MM_HINT_T1);
    first += first_bytes;
    second += second_bytes;
  }

  const char* first;
  const char* second;
  int64_t first_bytes;  // at each step
  int64_t second_bytes;
};

// Kinds of vectors: 16 lanes, or the half register that takes half the time. Lanes that are not in
// `mask` are neither read nor written.
struct FullVector {
  using Vector = __m512;
  static constexpr __mmask16 kAll = 0xFFFF;
  static inline Vector Zero() { return _mm512_setzero_ps(); }
  static inline Vector Load(__mmask16 mask, const float* from) {
    return _mm512_maskz_loadu_ps(mask, from);
  }
  static inline void Store(float* to, __mmask16 mask, Vector value) {
    if (mask == kAll) return _mm512_storeu_ps(to, value);  // several times as fast
    _mm512_mask_storeu_ps(to, mask, value);
  }
  static inline Vector Same(float value) { return _mm512_set1_ps(value); }
  // a b + c
  static inline Vector MultiplyAdd(Vector a, Vector b, Vector c) {
    return _mm512_fmadd_ps(a, b, c);
  }
  // The larger; `b` if one is a NaN. GCC 12 warns of its own header in _mm512_max_ps.
  static inline Vector Max(Vector a, Vector b) { return _mm512_maskz_max_ps(kAll, a, b); }
};
struct HalfVector {
  using Vector = __m256;
  static constexpr __mmask16 kAll = 0xFF;
  static inline Vector Zero() { return _mm256_setzero_ps(); }
  static inline Vector Load(__mmask16 mask, const float* from) {
    return _mm256_maskz_loadu_ps(static_cast<__mmask8>(mask), from);
  }
  static inline void Store(float* to, __mmask16 mask, Vector value) {
    if (mask == kAll) return _mm256_storeu_ps(to, value);
    _mm256_mask_storeu_ps(to, static_cast<__mmask8>(mask), value);
  }
  static inline Vector Same(float value) { return _mm256_set1_ps(value); }
  static inline Vector MultiplyAdd(Vector a, Vector b, Vector c) {
    return _mm256_fmadd_ps(a, b, c);
  }
  static inline Vector Max(Vector a, Vector b) { return _mm256_max_ps(a, b); }
};

// f(kind, offset, mask) for each vector of a row of so many elements, of which the last is half a
// one if that holds what is left.
template <typename F>
static inline __attribute__((always_inline)) void ForEachVector(int64_t elements, F f) {
  for (int64_t offset = 0; offset < elements; offset += kLanes) {
    const int64_t left = elements - offset;
    if (left <= kLanes / 2) {
      f(HalfVector(), offset, LanesOf(left));
    } else {
      f(FullVector(), offset, LanesOf(left));
    }
  }
}

// Rows of c, and along its columns kWhole full vectors and one more of the kind Last, that are kept
// in registers. `mask` is for the last vector. Arrays have an element more than they need, for none
// may be empty.
template <int kRows, int kWhole, typename Last, typename Next>
static inline __attribute__((always_inline)) void GemmBlock(int64_t k, const GemmOperands& at,
                                                            __mmask16 mask, bool add, Next& next) {
  constexpr int64_t kLast = kWhole * kLanes;
  const GemmOperands o = at;
  Next ahead = next;
  FullVector::Vector sum[kRows][kWhole + 1];
  typename Last::Vector last_sum[kRows];
  GRAFT_UNROLLED for (int i = 0; i < kRows; ++i) {
    const float* const c = o.c + i * o.c_row;
    GRAFT_UNROLLED for (int j = 0; j < kWhole; ++j) {
      sum[i][j] = add ? FullVector::Load(FullVector::kAll, c + j * kLanes) : FullVector::Zero();
    }
    last_sum[i] = add ? Last::Load(mask, c + kLast) : Last::Zero();
  }
  const float* a = o.a;
  const float* b = o.b;
  for (int64_t p = 0; p < k; ++p, a += o.a_column, b += o.b_row) {
    ahead.Step();
    FullVector::Vector factors[kWhole + 1];
    GRAFT_UNROLLED for (int j = 0; j < kWhole; ++j) factors[j] =
        FullVector::Load(FullVector::kAll, b + j * kLanes);
    const typename Last::Vector last_factor = Last::Load(mask, b + kLast);
    GRAFT_UNROLLED for (int i = 0; i < kRows; ++i) {
      const float factor = a[i * o.a_row];
      GRAFT_UNROLLED for (int j = 0; j < kWhole; ++j) {
        sum[i][j] = FullVector::MultiplyAdd(FullVector::Same(factor), factors[j], sum[i][j]);
      }
      last_sum[i] = Last::MultiplyAdd(Last::Same(factor), last_factor, last_sum[i]);
    }
  }
  GRAFT_UNROLLED for (int i = 0; i < kRows; ++i) {
    float* const c = o.c + i * o.c_row;
    GRAFT_UNROLLED for (int j = 0; j < kWhole; ++j)
        FullVector::Store(c + j * kLanes, FullVector::kAll, sum[i][j]);
    Last::Store(c + kLast, o.c_padded ? Last::kAll : mask, last_sum[i]);
  }
  next = ahead;
}

// GemmBlock of as many rows, up to kRows.
template <int kRows, int kWhole, typename Last, typename Next>
static inline void GemmRows(int64_t rows, int64_t k, const GemmOperands& at, __mmask16 mask,
                            bool add, Next& next) {
  if constexpr (kRows > 0) {
    if (rows == kRows) return GemmBlock<kRows, kWhole, Last>(k, at, mask, add, next);
    GemmRows<kRows - 1, kWhole, Last>(rows, k, at, mask, add, next);
  }
}

// All rows of a panel, in blocks that are as equal as can be.
template <int kRows, int kWhole, typename Last, typename Next>
static void GemmPanel(int64_t m, int64_t k, GemmOperands at, __mmask16 mask, bool add, Next& next) {
  for (int64_t blocks = (m + kRows - 1) / kRows; blocks > 0; --blocks) {
    const int64_t rows = (m + blocks - 1) / blocks;
    GemmRows<kRows, kWhole, Last>(rows, k, at, mask, add, next);
    at.a += rows * at.a_row;
    at.c += rows * at.c_row;
    m -= rows;
  }
}

// Rows of a block by its whole vectors: as many as 32 registers hold beside b and a; 12 are enough
// to hide how long a sum takes.
constexpr int kBlockRows[] = {12, 12, 8, 6};

template <typename Last, typename Next>
static inline void GemmPanels(int64_t whole, int64_t m, int64_t k, const GemmOperands& at,
                              __mmask16 mask, bool add, Next& next) {
  if (whole == 0) GemmPanel<kBlockRows[0], 0, Last>(m, k, at, mask, add, next);
  if (whole == 1) GemmPanel<kBlockRows[1], 1, Last>(m, k, at, mask, add, next);
  if (whole == 2) GemmPanel<kBlockRows[2], 2, Last>(m, k, at, mask, add, next);
  if (whole == 3) GemmPanel<kBlockRows[3], 3, Last>(m, k, at, mask, add, next);
}

// Columns of c that are computed together, and of so many their whole vectors beside the last one.
constexpr int64_t kPanelColumns = 4 * kLanes;
static inline int64_t WholeVectors(int64_t columns) {
  return columns >= kPanelColumns ? 3 : (columns - 1) / kLanes;
}

// The steps of all sums of a product of [m, k] and [k, n].
static inline int64_t GemmSteps(int64_t m, int64_t n, int64_t k) {
  int64_t blocks = 0;
  for (; n > 0; n -= kPanelColumns) {
    const int64_t rows = kBlockRows[WholeVectors(n)];
    blocks += (m + rows - 1) / rows;
  }
  return blocks * k;
}

template <typename Next = NothingAhead>
static inline void Gemm(int64_t m, int64_t n, int64_t k, GemmOperands at, bool add,
                        Next next = {}) {
  for (; n > 0; n -= kPanelColumns, at.b += kPanelColumns, at.c += kPanelColumns) {
    const int64_t whole = WholeVectors(n);
    const int64_t left = n - whole * kLanes;
    if (left <= kLanes / 2) {
      GemmPanels<HalfVector>(whole, m, k, at, LanesOf(left), add, next);
    } else {
      GemmPanels<FullVector>(whole, m, k, at, LanesOf(left), add, next);
    }
  }
}

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_AVX512_GEMM_H_
