// Functions of one float, made of the four operations, which IEEE 754 defines to the last bit:
// equal on every processor, and without branches, so that loops over them are vectorised (simd.h).
// The C library's would be neither. Errors are measured in tests/unit/engine/float_math_test.cc.
#ifndef GRAFT_COMMON_ENGINE_CPU_FLOAT_MATH_H_
#define GRAFT_COMMON_ENGINE_CPU_FLOAT_MATH_H_

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "common/engine/cpu/simd.h"

namespace graft::engine::cpu {

// exp(x) within 2 ulp; 0 below -87, infinite above 88.37, NaN of NaN. 2^k e^r with r = x - k ln 2,
// |r| <= ln(2) / 2; the polynomial is that of S. Moshier's Cephes library.
GRAFT_INLINE float Exp(float x) {
  constexpr float kRound = 0x1.8p23F;             // leaves an integer in the low bits
  constexpr float kLn2High = 0.693145751953125F;  // 15 bits: k times it is exact
  constexpr float kLn2Low = 1.42860682e-6F;
  const float rounded = x * 1.44269504F + kRound;
  const float k = rounded - kRound;
  const float r = (x - k * kLn2High) - k * kLn2Low;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = (p * (r * r) + r) + 1.0F;
  const float scale = std::bit_cast<float>((std::bit_cast<std::uint32_t>(rounded) + 127U) << 23U);
  const float value = x > 88.37F ? std::numeric_limits<float>::infinity() : p * scale;
  return x < -87.0F ? 0.0F : value;
}

// log(x) within 2 ulp or 1e-7, for a normal x > 0. k ln 2 + 2 artanh(f), f = (m - 1) / (m + 1),
// with x = 2^k m, m in [sqrt(1/2), sqrt(2)).
GRAFT_INLINE float Log(float x) {
  constexpr std::uint32_t kSqrtHalf = 0x3f3504f3U;
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  const auto k = static_cast<std::int32_t>(bits - kSqrtHalf) >> 23;
  const float m = std::bit_cast<float>(bits - (static_cast<std::uint32_t>(k) << 23U));
  const float f = (m - 1.0F) / (m + 1.0F);
  const float s = f * f;
  float p = 2.0F / 11;
  p = p * s + 2.0F / 9;
  p = p * s + 2.0F / 7;
  p = p * s + 2.0F / 5;
  p = p * s + 2.0F / 3;
  const auto exponent = static_cast<float>(k);
  return exponent * 0.693145751953125F + (exponent * 1.42860682e-6F + (p * s * f + 2.0F * f));
}

// log(1 + x) within 3 ulp for x in [0, 1]: 2 artanh(f), f = x / (x + 2).
GRAFT_INLINE float Log1p(float x) {
  const float f = x / (x + 2.0F);
  const float s = f * f;
  float p = 2.0F / 15;
  p = p * s + 2.0F / 13;
  p = p * s + 2.0F / 11;
  p = p * s + 2.0F / 9;
  p = p * s + 2.0F / 7;
  p = p * s + 2.0F / 5;
  p = p * s + 2.0F / 3;
  return p * s * f + 2.0F * f;
}

// 1 / (1 + exp(-x)) within 3 ulp.
GRAFT_INLINE float Sigmoid(float x) {
  const float e = Exp(-std::fabs(x));
  return (x < 0.0F ? e : 1.0F) / (1.0F + e);
}

// Within 3 ulp. The polynomial, where exponentials would cancel, is that of Cephes.
GRAFT_INLINE float Tanh(float x) {
  const float magnitude = std::fabs(x);
  const float e = Exp(-2.0F * magnitude);
  const float large = (1.0F - e) / (1.0F + e);
  const float s = x * x;
  float p = -5.70498872745e-3F;
  p = p * s + 2.06390887954e-2F;
  p = p * s - 5.37397155531e-2F;
  p = p * s + 1.33314422036e-1F;
  p = p * s - 3.33332819422e-1F;
  const float small = p * s * x + x;
  return magnitude < 0.625F ? small : (x < 0.0F ? -large : large);
}

// P(X <= x) of a standard normal X: within 6 ulp for x > -1.3, 40 ulp or 1e-8 below.
// (1 + erf(a)) / 2 with a = x / sqrt(2). N. Juffa's approximations of erf near zero and of
// log(1 - erf) beyond.
GRAFT_INLINE float NormalCdf(float x) {
  const float a = x * 0.707106781F;
  const float s = a * a;
  float p = -5.96761703e-4F;
  p = p * s + 4.99119423e-3F;
  p = p * s - 2.67681349e-2F;
  p = p * s + 1.12819925e-1F;
  p = p * s - 3.76125336e-1F;
  p = p * s + 1.28379166e-1F;
  const float near = 0.5F + 0.5F * (p * a + a);
  const float magnitude = std::fabs(a);
  const float t = magnitude > 10.0F ? 10.0F : magnitude;
  float q = -1.72853470e-5F;
  q = q * t + 3.83197126e-4F;
  q = q * t - 3.88396438e-3F;
  q = q * t + 2.42546219e-2F;
  q = q * t - 1.06777877e-1F;
  q = q * t - 6.34846687e-1F;
  q = q * t - 1.28717512e-1F;
  const float tail = 0.5F * Exp(q * t - t);
  const float far = x < 0.0F ? tail : 1.0F - tail;
  return magnitude > 0.927734375F ? far : near;
}

// The density of a standard normal.
GRAFT_INLINE float NormalPdf(float x) { return 0.398942280F * Exp(-0.5F * x * x); }

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_FLOAT_MATH_H_
