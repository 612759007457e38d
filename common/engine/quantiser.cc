#include "common/engine/quantiser.h"

#include <algorithm>
#include <cmath>

namespace graft::engine {

float NearestPowerOfTwo(float x, int minimum, int maximum) {
  constexpr float kSqrtHalf = 0.70710678F;
  int k = minimum;
  if (std::isfinite(x) && x != 0.0F) {
    int exponent = 0;
    const float mantissa = std::frexp(std::fabs(x), &exponent);  // in [1/2, 1)
    k = std::clamp(mantissa >= kSqrtHalf ? exponent : exponent - 1, minimum, maximum);
  } else if (std::isinf(x)) {
    k = maximum;
  }
  return std::copysign(std::ldexp(1.0F, k), x < 0.0F ? -1.0F : 1.0F);
}

}  // namespace graft::engine
