#include "services/controller/policy/float_math.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "common/base/check.h"

namespace graft::policy {
namespace {

constexpr double kHalfPi = 1.5707963267948966;
constexpr double kLn2 = 0.69314718055994531;
constexpr double kLog2E = 1.4426950408889634;
constexpr double kInverse[] = {0,       1,       1.0 / 2, 1.0 / 3, 1.0 / 4, 1.0 / 5,
                               1.0 / 6, 1.0 / 7, 1.0 / 8, 1.0 / 9, 1.0 / 10};
constexpr std::int64_t kDoubleBias = 1023;
constexpr int kDoubleMantissaBits = 52;

// exp(x), |x| < 700: 2^k times the Taylor series of r = x - k ln 2, |r| <= ln(2) / 2, whose
// remainder after r^10 is below 1e-12.
double ExpDouble(double x) {
  const auto k = static_cast<std::int64_t>(x * kLog2E + (x < 0 ? -0.5 : 0.5));
  const double r = x - static_cast<double>(k) * kLn2;
  double sum = 1.0;
  for (int n = 10; n >= 1; --n) sum = 1.0 + r * kInverse[n] * sum;
  return sum * std::bit_cast<double>((k + kDoubleBias) << kDoubleMantissaBits);
}

// sin(x) / x and cos(x) for |x| <= pi/4: the remainder after x^16 is below 1e-16.
double SineOverX(double x) {
  double sum = 1.0;
  for (int n = 16; n >= 2; n -= 2) sum = 1.0 - x * x / (n * (n + 1)) * sum;
  return sum;
}

double Cosine(double x) {
  double sum = 1.0;
  for (int n = 16; n >= 2; n -= 2) sum = 1.0 - x * x / (n * (n - 1)) * sum;
  return sum;
}

}  // namespace

float Dot(std::span<const float> a, std::span<const float> b) {
  GRAFT_CHECK(a.size() == b.size()) << a.size() << " and " << b.size();
  constexpr std::size_t kLanes = 8;
  float lane[kLanes] = {};
  const std::size_t whole = a.size() / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t j = 0; j < kLanes; ++j) lane[j] += a[i + j] * b[i + j];
  }
  for (std::size_t i = whole; i < a.size(); ++i) lane[i - whole] += a[i] * b[i];
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

void AddScaled(float a, std::span<const float> x, std::span<float> y) {
  GRAFT_CHECK(x.size() == y.size()) << x.size() << " and " << y.size();
  const float* source = x.data();
  float* target = y.data();
  for (std::size_t i = 0; i < x.size(); ++i) target[i] += a * source[i];
}

float Exp(float x) {
  if (!(x >= -104.0F)) return x < 0 ? 0.0F : x;  // NaN stays NaN
  if (x > 88.8F) return std::numeric_limits<float>::infinity();
  return static_cast<float>(ExpDouble(x));
}

// x = 2^k m with m in [sqrt(1/2), sqrt(2)); log m = 2 artanh(s), s = (m - 1) / (m + 1), by its
// series, whose remainder after s^13 is below 1e-12 of it.
float Log(float x) {
  GRAFT_CHECK(x > 0 && std::isfinite(x)) << x;
  int k = 0;
  double m = std::frexp(static_cast<double>(x), &k);  // exact, in [1/2, 1)
  if (m < 0.70710678118654752) {
    m *= 2;
    --k;
  }
  const double s = (m - 1) / (m + 1);
  double sum = 0;
  for (int n = 13; n >= 1; n -= 2) sum = sum * (s * s) + 1.0 / n;
  return static_cast<float>(k * kLn2 + 2 * s * sum);
}

// (1 - exp(-2|x|)) / (1 + exp(-2|x|)); the series x - x^3 / 3 where the difference would cancel.
float Tanh(float x) {
  const double magnitude = std::fabs(x);
  if (magnitude < 1e-3) return static_cast<float>(x - static_cast<double>(x) * x * x / 3);
  if (magnitude > 20) return x > 0 ? 1.0F : -1.0F;
  const double e = ExpDouble(-2 * magnitude);
  return static_cast<float>(std::copysign((1 - e) / (1 + e), x));
}

float Sigmoid(float x) { return 1.0F / (1.0F + Exp(-x)); }

float LogSigmoid(float x) { return std::min(x, 0.0F) - Log(1.0F + Exp(-std::fabs(x))); }

double TanHalfPi(double a) {
  GRAFT_CHECK(a >= 0 && a < 1) << a;
  if (a <= 0.5) {
    const double x = kHalfPi * a;
    return x * SineOverX(x) / Cosine(x);
  }
  const double x = kHalfPi * (1.0 - a);  // the complement: tan(pi/2 - x) = cot(x)
  return Cosine(x) / (x * SineOverX(x));
}

}  // namespace graft::policy
