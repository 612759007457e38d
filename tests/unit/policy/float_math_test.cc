#include "services/controller/policy/float_math.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"

namespace graft::policy {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Distance of neighbouring floats at x.
double Ulp(double x) {
  const float magnitude = static_cast<float>(std::fabs(x));
  return static_cast<double>(std::nextafter(magnitude, kInfinity)) - magnitude;
}

// Floats of all magnitudes and both signs.
std::vector<float> SpreadFloats() {
  std::vector<float> floats;
  for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += 9973) {
    const float x = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    if (std::isfinite(x)) floats.push_back(x);
  }
  return floats;
}

TEST(FloatMathTest, ExpIsAccurateToTheLastPlace) {
  for (const float x : SpreadFloats()) {
    const double expected = std::exp(static_cast<double>(x));
    if (expected > 3.4e38) continue;
    ASSERT_NEAR(Exp(x), expected, 0.51 * Ulp(expected)) << x;
  }
}

TEST(FloatMathTest, LogIsAccurateToTheLastPlace) {
  for (const float x : SpreadFloats()) {
    if (x <= 0) continue;
    const double expected = std::log(static_cast<double>(x));
    ASSERT_NEAR(Log(x), expected, 0.51 * Ulp(expected)) << x;
  }
}

TEST(FloatMathTest, TanhIsAccurateToTheLastPlace) {
  for (const float x : SpreadFloats()) {
    const double expected = std::tanh(static_cast<double>(x));
    ASSERT_NEAR(Tanh(x), expected, 0.51 * Ulp(expected)) << x;
  }
}

TEST(FloatMathTest, ExpIsDefinedEverywhere) {
  EXPECT_EQ(Exp(kInfinity), kInfinity);
  EXPECT_EQ(Exp(1e30F), kInfinity);
  EXPECT_EQ(Exp(-kInfinity), 0.0F);
  EXPECT_EQ(Exp(-1e30F), 0.0F);
  EXPECT_TRUE(std::isnan(Exp(std::numeric_limits<float>::quiet_NaN())));
}

TEST(FloatMathTest, LogSigmoidStaysFiniteWhereTheProbabilityUnderflows) {
  EXPECT_EQ(LogSigmoid(-1000.0F), -1000.0F);
  EXPECT_EQ(LogSigmoid(1000.0F), 0.0F);
  EXPECT_NEAR(LogSigmoid(0.0F), -std::log(2.0), 1e-7);
  EXPECT_EQ(Sigmoid(-1000.0F), 0.0F);
  EXPECT_EQ(Sigmoid(1000.0F), 1.0F);
}

TEST(FloatMathTest, TanHalfPiEqualsTheTangent) {
  for (int i = 0; i < 1000; ++i) {
    const double a = i / 1000.0;
    const double expected = std::tan(M_PI / 2 * a);
    ASSERT_NEAR(TanHalfPi(a), expected, 1e-12 * expected) << a;
  }
}

TEST(FloatMathTest, DotSumsAllLengths) {
  for (int length = 0; length < 40; ++length) {
    std::vector<float> a(length), b(length, 2.0F);
    std::iota(a.begin(), a.end(), 1.0F);
    EXPECT_EQ(Dot(a, b), static_cast<float>(length * (length + 1)));
  }
}

// The order of the sum is part of what makes a policy the same everywhere.
TEST(FloatMathTest, DotKeepsItsOrder) {
  std::vector<float> a(16, 1e-8F), ones(16, 1.0F);
  a[0] = 1.0F;  // swallows what lane 0 and its partners add one by one
  float lane[8];
  for (int i = 0; i < 8; ++i) lane[i] = a[i] + a[i + 8];
  const float expected =
      ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
  EXPECT_EQ(Dot(a, ones), expected);
}

}  // namespace
}  // namespace graft::policy
