#include "common/data/beta.h"

#include <algorithm>
#include <cmath>

#include "common/base/check.h"

namespace graft::data {
namespace {

constexpr double kLog2 = 0.693147180559945309417;

// In (0, 1].
double Unit(base::Rng& rng) { return static_cast<double>((rng.NextU64() >> 11) + 1) * 0x1p-53; }

// log m with m in [1/2, 1) is 2 artanh((m - 1) / (m + 1)). x > 0.
double Log(double x) {
  int exponent = 0;
  const double mantissa = std::frexp(x, &exponent);
  const double ratio = (mantissa - 1) / (mantissa + 1);
  double power = 2 * ratio;
  double sum = 0;
  for (int n = 1; n < 40; n += 2) {
    sum += power / n;
    power *= ratio * ratio;
  }
  return exponent * kLog2 + sum;
}

// 2^k exp(r) with |r| <= log(2) / 2. x <= 0; 0 where nothing is left.
double Exp(double x) {
  if (x < -700) return 0;
  const double k = std::floor(x / kLog2 + 0.5);
  const double r = x - k * kLog2;
  double term = 1;
  double sum = 1;
  for (int n = 1; n < 20; ++n) {
    term *= r / n;
    sum += term;
  }
  return std::ldexp(sum, static_cast<int>(k));
}

double SampleByJohnk(base::Rng& rng, double alpha) {
  alpha = std::max(alpha, 1e-300);  // so that quotients stay finite
  while (true) {
    const double x = Log(Unit(rng)) / alpha;
    const double y = Log(Unit(rng)) / alpha;
    if (Exp(x) + Exp(y) > 1) continue;
    // Without a quotient of two numbers that are too small.
    return x > y ? 1 / (1 + Exp(y - x)) : 1 - 1 / (1 + Exp(x - y));
  }
}

double SampleByUlrich(base::Rng& rng, double alpha) {
  while (true) {
    const double x = 2 * Unit(rng) - 1;
    const double y = 2 * Unit(rng) - 1;
    const double s = x * x + y * y;
    if (s > 1 || s == 0) continue;
    const double radius = std::sqrt(std::max(0.0, 1 - Exp(2 / (2 * alpha - 1) * Log(s))));
    return std::clamp(0.5 + x / (2 * std::sqrt(s)) * radius, 0.0, 1.0);
  }
}

}  // namespace

double SampleBeta(base::Rng& rng, double alpha) {
  GRAFT_CHECK(alpha > 0) << alpha;
  return alpha < 1 ? SampleByJohnk(rng, alpha) : SampleByUlrich(rng, alpha);
}

}  // namespace graft::data
