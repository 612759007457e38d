// The transforms of Winograd's minimal filtering (winograd.cc) along one axis, and along both. For
// files that are compiled for AVX-512. Internal to engine/cpu.
//
// A y are the values of a polynomial with coefficients y at 0, at the pairs 1 and -1, 2 and -2, of
// 5x5 kernels also 1/2 and -1/2, and at infinity; so are G w, but for factors. The points of a pair
// share the even and the odd part.
#ifndef GRAFT_COMMON_ENGINE_CPU_WINOGRAD_TRANSFORMS_H_
#define GRAFT_COMMON_ENGINE_CPU_WINOGRAD_TRANSFORMS_H_

#include <stdint.h>

#include "common/engine/cpu/avx512_convolution.h"
#include "common/engine/cpu/avx512_gemm.h"

namespace graft::engine::cpu {

constexpr int kTile = kWinogradTile;

// For kernels of K x K.
template <int K>
constexpr int kPatch = kTile + K - 1;
template <int K>
constexpr int kPoints = kPatch<K>* kPatch<K>;
template <int K>
constexpr int kPairs = kPatch<K> / 2 - 1;

// The positive points of the pairs, and the factors of G's rows for zero and for the pairs.
constexpr float kPositive[] = {1, 2, 0.5F};
constexpr float kUnits[] = {1, 1, 1, 1};
constexpr float kFactors3[] = {1.0F / 4, -1.0F / 6, 1.0F / 24};
constexpr float kFactors5[] = {-1, -2.0F / 9, 1.0F / 90, 32.0F / 45};
template <int K>
constexpr const float* kFactors = K == 3 ? kFactors3 : kFactors5;

constexpr float Power(float base, int exponent) {
  float power = 1;
  for (int i = 0; i < exponent; ++i) power *= base;
  return power;
}

// The transforms take vectors of a kind V, see avx512_gemm.h.
template <typename V>
using Vector = typename V::Vector;

template <typename V>
inline Vector<V> Scaled(Vector<V> a, float factor) {
  return a * V::Same(factor);
}
// a factor + b
template <typename V>
inline Vector<V> Fused(Vector<V> a, float factor, Vector<V> b) {
  return V::MultiplyAdd(a, V::Same(factor), b);
}

// The points of a pair.
template <typename V>
inline __attribute__((always_inline)) void StorePair(Vector<V> even, Vector<V> odd,
                                                     Vector<V>* out) {
  out[0] = even + odd;
  out[1] = even - odd;
}

// out = B^T d
template <int K>
struct PatchTransform;
template <>
struct PatchTransform<3> {
  template <typename V>
  static inline __attribute__((always_inline)) void Apply(const Vector<V>* d, Vector<V>* out) {
    out[0] = Fused<V>(d[0], 4, Fused<V>(d[2], -5, d[4]));
    StorePair<V>(Fused<V>(d[2], -4, d[4]), Fused<V>(d[1], -4, d[3]), out + 1);
    StorePair<V>(d[4] - d[2], Scaled<V>(d[3] - d[1], 2), out + 3);
    out[5] = Fused<V>(d[1], 4, Fused<V>(d[3], -5, d[5]));
  }
};
template <>
struct PatchTransform<5> {
  template <typename V>
  static inline __attribute__((always_inline)) void Apply(const Vector<V>* d, Vector<V>* out) {
    out[0] = Fused<V>(d[2] - d[4], 5.25F, d[6] - d[0]);
    StorePair<V>(Fused<V>(d[4], -4.25F, d[2] + d[6]), Fused<V>(d[3], -4.25F, d[1] + d[5]), out + 1);
    StorePair<V>(Fused<V>(d[2], 0.25F, Fused<V>(d[4], -1.25F, d[6])),
                 Fused<V>(d[1], 0.5F, Fused<V>(d[3], -2.5F, Scaled<V>(d[5], 2))), out + 3);
    StorePair<V>(Fused<V>(d[2], 4, Fused<V>(d[4], -5, d[6])),
                 Fused<V>(d[1], 2, Fused<V>(d[3], -2.5F, Scaled<V>(d[5], 0.5F))), out + 5);
    out[7] = Fused<V>(d[3] - d[5], 5.25F, d[7] - d[1]);
  }
};

// out: the polynomial of coefficients c[kTerms] at zero, the pairs and infinity, all but the last
// times their factors.
template <int kTerms, int kPairs, typename V>
inline __attribute__((always_inline)) void Evaluate(const Vector<V>* c, const float* factors,
                                                    Vector<V>* out) {
  out[0] = Scaled<V>(c[0], factors[0]);
  GRAFT_UNROLLED for (int pair = 0; pair < kPairs; ++pair) {
    const float factor = factors[1 + pair];
    const float point = kPositive[pair];
    Vector<V> even = Scaled<V>(c[0], factor);
    Vector<V> odd = Scaled<V>(c[1], factor * point);
    GRAFT_UNROLLED for (int i = 2; i < kTerms; ++i) {
      Vector<V>& part = i % 2 == 0 ? even : odd;
      part = Fused<V>(c[i], factor * Power(point, i), part);
    }
    StorePair<V>(even, odd, out + 1 + 2 * pair);
  }
  out[1 + 2 * kPairs] = c[kTerms - 1];
}

// Evaluate's transpose: out[kTerms] from the points m.
template <int kTerms, int kPairs, typename V>
inline __attribute__((always_inline)) void SumPowers(const Vector<V>* m, const float* factors,
                                                     Vector<V>* out) {
  GRAFT_UNROLLED for (int pair = 0; pair < kPairs; ++pair) {
    const Vector<V>* const points = m + 1 + 2 * pair;
    const Vector<V> sum = points[0] + points[1];
    const Vector<V> difference = points[0] - points[1];
    GRAFT_UNROLLED for (int i = 0; i < kTerms; ++i) {
      const Vector<V> part = i % 2 == 0 ? sum : difference;
      const float factor = factors[1 + pair] * Power(kPositive[pair], i);
      out[i] = pair == 0 ? Scaled<V>(part, factor) : Fused<V>(part, factor, out[i]);
    }
  }
  out[0] = Fused<V>(m[0], factors[0], out[0]);
  out[kTerms - 1] += m[1 + 2 * kPairs];
}

// out = A^T m
template <int K>
struct ResultTransform {
  template <typename V>
  static inline __attribute__((always_inline)) void Apply(const Vector<V>* m, Vector<V>* out) {
    SumPowers<kTile, kPairs<K>, V>(m, kUnits, out);
  }
};

// out = A y
template <int K>
struct GradientTransform {
  template <typename V>
  static inline __attribute__((always_inline)) void Apply(const Vector<V>* y, Vector<V>* out) {
    Evaluate<kTile, kPairs<K>, V>(y, kUnits, out);
  }
};

// out = G w
template <int K>
struct KernelTransform {
  template <typename V>
  static inline __attribute__((always_inline)) void Apply(const Vector<V>* w, Vector<V>* out) {
    Evaluate<K, kPairs<K>, V>(w, kFactors<K>, out);
  }
};

// out = G^T u
template <int K>
struct KernelGradientTransform {
  template <typename V>
  static inline __attribute__((always_inline)) void Apply(const Vector<V>* u, Vector<V>* out) {
    SumPowers<K, kPairs<K>, V>(u, kFactors<K>, out);
  }
};

// Applies a transform to the columns of in[kFrom][kFrom], then to the rows: out[kTo][kTo].
template <typename Transform, typename V, int kFrom, int kTo>
inline __attribute__((always_inline)) void Both(const Vector<V> (&in)[kFrom][kFrom],
                                                Vector<V> (&out)[kTo][kTo]) {
  Vector<V> half[kTo][kFrom];
  GRAFT_UNROLLED for (int j = 0; j < kFrom; ++j) {
    Vector<V> column[kFrom];
    Vector<V> transformed[kTo];
    GRAFT_UNROLLED for (int i = 0; i < kFrom; ++i) column[i] = in[i][j];
    Transform::template Apply<V>(column, transformed);
    GRAFT_UNROLLED for (int i = 0; i < kTo; ++i) half[i][j] = transformed[i];
  }
  GRAFT_UNROLLED for (int i = 0; i < kTo; ++i) Transform::template Apply<V>(half[i], out[i]);
}

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_WINOGRAD_TRANSFORMS_H_
