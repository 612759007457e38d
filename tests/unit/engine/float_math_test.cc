// The CPU backend's functions against the C library in float64.
#include "common/engine/cpu/float_math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace graft::engine::cpu {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Spacing of the floats around a value.
double Ulp(double value) {
  const auto magnitude = static_cast<float>(std::max(std::abs(value), 1.2e-38));
  return static_cast<double>(std::nextafter(magnitude, kInfinity)) - magnitude;
}

struct Function {
  std::string name;
  float (*actual)(float);
  double (*expected)(double);
  float low, high;
  double bound_ulp;
  double floor = 0;  // absolute error that is allowed besides
};

class FloatMathTest : public ::testing::TestWithParam<Function> {};

TEST_P(FloatMathTest, IsWithinItsBoundOfThePreciseFunction) {
  const Function& function = GetParam();
  constexpr int kPoints = 2'000'000;
  double worst = 0;
  float worst_at = 0;
  for (int i = 0; i <= kPoints; ++i) {
    const auto x = static_cast<float>(
        function.low + (static_cast<double>(function.high) - function.low) * i / kPoints);
    const double expected = function.expected(x);
    const double error =
        std::max(0.0, std::abs(function.actual(x) - expected) - function.floor) / Ulp(expected);
    if (error > worst) {
      worst = error;
      worst_at = x;
    }
  }
  EXPECT_LE(worst, function.bound_ulp) << "at " << worst_at;
  RecordProperty("worst_ulp", std::to_string(worst));
}

const Function kFunctions[] = {
    {"Exp", [](float x) { return Exp(x); }, [](double x) { return std::exp(x); }, -86.9F, 88.3F, 2},
    {"Log", [](float x) { return Log(x); }, [](double x) { return std::log(x); }, 1e-6F, 100, 2,
     1e-7},
    {"LogOfLarge", [](float x) { return Log(x); }, [](double x) { return std::log(x); }, 1, 1e6F,
     2},
    {"Log1p", [](float x) { return Log1p(x); }, [](double x) { return std::log1p(x); }, 0, 1, 3},
    {"Sigmoid", [](float x) { return Sigmoid(x); }, [](double x) { return 1 / (1 + std::exp(-x)); },
     -86, 86, 3},
    {"SigmoidNearZero", [](float x) { return Sigmoid(x); },
     [](double x) { return 1 / (1 + std::exp(-x)); }, -4, 4, 3},
    {"Tanh", [](float x) { return Tanh(x); }, [](double x) { return std::tanh(x); }, -10, 10, 3},
    {"TanhNearZero", [](float x) { return Tanh(x); }, [](double x) { return std::tanh(x); }, -1, 1,
     3},
    {"NormalCdf", [](float x) { return NormalCdf(x); },
     [](double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }, -1.3F, 10, 6},
    {"NormalCdfTail", [](float x) { return NormalCdf(x); },
     [](double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }, -5.5F, -1.3F, 40, 1e-8},
    {"NormalCdfFarTail", [](float x) { return NormalCdf(x); },
     [](double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }, -100, -5.5F, 0, 1e-10}};

INSTANTIATE_TEST_SUITE_P(Functions, FloatMathTest, ::testing::ValuesIn(kFunctions),
                         [](const auto& test) { return test.param.name; });

TEST(FloatMathTest, LimitsAreKept) {
  EXPECT_EQ(Exp(0), 1.0F);
  EXPECT_EQ(Exp(-kInfinity), 0.0F);
  EXPECT_EQ(Exp(-1000), 0.0F);
  EXPECT_EQ(Exp(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(Exp(kNan)));
  EXPECT_EQ(Sigmoid(-kInfinity), 0.0F);
  EXPECT_EQ(Sigmoid(kInfinity), 1.0F);
  EXPECT_TRUE(std::isnan(Sigmoid(kNan)));
  EXPECT_EQ(Tanh(-kInfinity), -1.0F);
  EXPECT_EQ(Tanh(kInfinity), 1.0F);
  EXPECT_TRUE(std::isnan(Tanh(kNan)));
  EXPECT_EQ(NormalCdf(-kInfinity), 0.0F);
  EXPECT_EQ(NormalCdf(kInfinity), 1.0F);
  EXPECT_EQ(Log(1), 0.0F);
  EXPECT_EQ(Log1p(0), 0.0F);
}

}  // namespace
}  // namespace graft::engine::cpu
