// Our own kernels' convolutions against the sum they stand for.
#include "common/engine/cpu/avx512_convolution.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/rng.h"
#include "tests/unit/engine/convolution_sums.h"

namespace graft::engine::cpu {
namespace {

using testing::ConvolutionSums;
using testing::Difference;
using testing::RandomValues;
using testing::Values;

struct Algorithm {
  std::string name;
  const Avx512Convolution* (*functions)();
  std::vector<std::int64_t> kernels;  // sizes that it has
  double tolerance;                   // of the largest result
};

// Values that are not numbers yet, behind which nothing may be written.
class GuardedValues {
 public:
  explicit GuardedValues(std::int64_t size) : values_(size + kGuard, NAN) {
    std::fill(values_.end() - kGuard, values_.end(), kUntouched);
  }
  ~GuardedValues() {
    EXPECT_EQ(std::count(values_.end() - kGuard, values_.end(), kUntouched), kGuard);
  }
  float* data() { return values_.data(); }
  Values values() const { return {values_.begin(), values_.end() - kGuard}; }

 private:
  static constexpr std::int64_t kGuard = 64;
  static constexpr float kUntouched = 12345;
  Values values_;
};

ConvolutionProblem ProblemOf(const ConvolutionShape& s) {
  return {.x = {.channels = s.channels, .height = s.height, .width = s.width},
          .y = {.channels = s.filters, .height = s.out_height, .width = s.out_width},
          .weight = {s.filters, s.channels, s.kernel, s.kernel},
          .strides = {1, 1},
          .padding_before = {s.pad_top, s.pad_left}};
}

struct Results {
  Values y, dx, dw;
};

class ScopedThreads {
 public:
  explicit ScopedThreads(int threads) : before_(omp_get_max_threads()) {
    omp_set_num_threads(threads);
  }
  ~ScopedThreads() { omp_set_num_threads(before_); }

 private:
  const int before_;
};

// The three passes.
Results Compute(const Avx512Convolution& functions, const ConvolutionShape& s,
                const ConvolutionOperand& operand, const Values& w, const Values& bias, float floor,
                const Values& dy, int threads) {
  const ScopedThreads scope(threads);
  const ConvolutionShape back = DataGradientShape(s);
  GuardedValues y(static_cast<std::int64_t>(dy.size()));
  GuardedValues dx(s.count * s.height * s.width * s.channels);
  GuardedValues dw(static_cast<std::int64_t>(w.size()));
  GuardedValues forward_weight(functions.weight_elements(s));
  GuardedValues turned_weight(functions.weight_elements(s));
  GuardedValues weight_scratch(functions.weight_elements(s));
  GuardedValues scratch(functions.scratch_elements(s, threads));
  GuardedValues back_scratch(functions.scratch_elements(back, threads));
  functions.transform_weight(s, w.data(), /*turned=*/false, forward_weight.data());
  functions.convolve(s, operand, forward_weight.data(), bias.data(), floor, scratch.data(),
                     y.data());
  functions.weight_gradient(s, operand, dy.data(), weight_scratch.data(), scratch.data(),
                            dw.data());
  functions.transform_weight(s, w.data(), /*turned=*/true, turned_weight.data());
  functions.convolve(back, {dy.data()}, turned_weight.data(), nullptr, -INFINITY,
                     back_scratch.data(), dx.data());
  return {.y = y.values(), .dx = dx.values(), .dw = dw.values()};
}

// Also of so many tiles that they are summed in slices.
ConvolutionShape RandomShape(std::int64_t kernel, base::Rng& random) {
  const auto draw = [&](std::uint64_t low, std::uint64_t high) {
    return static_cast<std::int64_t>(low + random.NextU64() % (high - low + 1));
  };
  const bool many = random.UniformInt(8) == 0;
  ConvolutionShape s{.kernel = kernel,
                     .count = many ? draw(10, 30) : draw(1, 5),
                     .channels = draw(1, !many && random.UniformInt(8) == 0 ? 150 : 40),
                     .filters = draw(1, !many && random.UniformInt(8) == 0 ? 150 : 40),
                     .height = many ? draw(13, 26) : draw(1, 13),
                     .width = many ? draw(13, 26) : draw(1, 13),
                     .pad_top = draw(0, kernel - 1),
                     .pad_left = draw(0, kernel - 1)};
  const auto results = [&](std::int64_t extent, std::int64_t padding) {
    return std::max<std::int64_t>(1, extent + padding + draw(0, kernel - 1) + 1 - kernel);
  };
  s.out_height = results(s.height, s.pad_top);
  s.out_width = results(s.width, s.pad_left);
  return s;
}

class Avx512ConvolutionTest : public ::testing::TestWithParam<Algorithm> {
 protected:
  void SetUp() override {
    if (GetParam().functions() == nullptr) GTEST_SKIP() << "this processor has no AVX-512";
  }
};

TEST_P(Avx512ConvolutionTest, EqualsTheDirectSumForRandomShapesOnAnyNumberOfThreads) {
  base::Rng random(1);
  for (int round = 0; round < 120; ++round) {
    const ConvolutionShape s =
        RandomShape(GetParam().kernels[round % GetParam().kernels.size()], random);
    const Values x = RandomValues(s.count * s.height * s.width * s.channels, 1);
    const Values w = RandomValues(s.filters * s.channels * s.kernel * s.kernel, 2);
    const Values bias = RandomValues(s.filters, 3);
    const Values dy = RandomValues(s.count * s.out_height * s.out_width * s.filters, 4);
    SCOPED_TRACE(::testing::Message()
                 << s.kernel << "x" << s.kernel << ", " << s.count << " of [" << s.channels << ","
                 << s.height << "," << s.width << "] to [" << s.filters << "," << s.out_height
                 << "," << s.out_width << "], padded " << s.pad_top << " and " << s.pad_left);
    const float floor = random.UniformInt(2) == 0 ? -INFINITY : 0.0F;
    const Results alone = Compute(*GetParam().functions(), s, {x.data()}, w, bias, floor, dy, 1);
    const ConvolutionSums direct(ProblemOf(s), s.count);
    std::vector<double> y = direct.Forward(x, w, bias);
    for (double& value : y) value = std::max<double>(value, floor);
    EXPECT_LT(Difference(alone.y, y), GetParam().tolerance);
    EXPECT_LT(Difference(alone.dx, direct.DataGradient(dy, w)), GetParam().tolerance);
    EXPECT_LT(Difference(alone.dw, direct.WeightGradient(x, dy)), GetParam().tolerance);
    const Results together = Compute(*GetParam().functions(), s, {x.data()}, w, bias, floor, dy, 3);
    EXPECT_EQ(together.y, alone.y);
    EXPECT_EQ(together.dx, alone.dx);
    EXPECT_EQ(together.dw, alone.dw);
  }
}

TEST_P(Avx512ConvolutionTest, AnOperandWithANormGivesTheBitsOfTheNormsResult) {
  base::Rng random(2);
  for (int round = 0; round < 60; ++round) {
    ConvolutionShape s = RandomShape(GetParam().kernels[round % GetParam().kernels.size()], random);
    if (round % 10 == 0) s.width = s.out_width = 150;  // more tiles in a row than a block has
    s.normed = true;
    SCOPED_TRACE(::testing::Message()
                 << s.count << " of [" << s.channels << "," << s.height << "," << s.width << "]");
    const std::int64_t period = NormPeriod(s.channels);
    const auto coefficients = [&](std::uint64_t seed) {
      Values values = RandomValues(s.channels, seed);
      while (static_cast<std::int64_t>(values.size()) < period) {
        values.push_back(values[values.size() - s.channels]);
      }
      return values;
    };
    const Values mean = coefficients(3), factor = coefficients(4), shift = coefficients(5);
    const NormCoefficients norm{.mean = mean.data(),
                                .factor = factor.data(),
                                .shift = shift.data(),
                                .slope = nullptr,
                                .constant = nullptr,
                                .floor = round % 2 == 0 ? 0.0F : -INFINITY};
    const Values x = RandomValues(s.count * s.height * s.width * s.channels, 1);
    Values normalised(x.size());
    kPortableNormLoops.normalise({static_cast<std::int64_t>(x.size()), period}, norm, x.data(),
                                 normalised.data());
    const Values w = RandomValues(s.filters * s.channels * s.kernel * s.kernel, 2);
    const Values bias = RandomValues(s.filters, 3);
    const Values dy = RandomValues(s.count * s.out_height * s.out_width * s.filters, 4);
    const auto compute = [&](const ConvolutionOperand& operand, int threads) {
      return Compute(*GetParam().functions(), s, operand, w, bias, -INFINITY, dy, threads);
    };
    const Results expected = compute({normalised.data()}, 1);
    for (const int threads : {1, 3}) {
      const Results found = compute({x.data(), &norm}, threads);
      EXPECT_EQ(found.y, expected.y);
      EXPECT_EQ(found.dw, expected.dw);
    }
  }
}

// A ReLU that hides a NaN would hide that a training diverges.
TEST_P(Avx512ConvolutionTest, FloorKeepsNotANumber) {
  const ConvolutionShape s{.kernel = GetParam().kernels[0],
                           .count = 1,
                           .channels = 3,
                           .filters = 21,
                           .height = 5,
                           .width = 5,
                           .out_height = 5,
                           .out_width = 5,
                           .pad_top = GetParam().kernels[0] / 2,
                           .pad_left = GetParam().kernels[0] / 2};
  Values x = RandomValues(5 * 5 * 3, 1);
  x[12 * 3] = NAN;  // in the middle
  const Values w = RandomValues(s.filters * 3 * s.kernel * s.kernel, 2);
  const Values dy = RandomValues(5 * 5 * s.filters, 3);
  const Values y =
      Compute(*GetParam().functions(), s, {x.data()}, w, Values(s.filters, 0), 0.0F, dy, 1).y;
  for (std::int64_t filter = 0; filter < s.filters; ++filter) {
    EXPECT_TRUE(std::isnan(y[12 * s.filters + filter])) << filter;
  }
}

INSTANTIATE_TEST_SUITE_P(
    , Avx512ConvolutionTest,
    ::testing::Values(Algorithm{"Winograd", WinogradConvolution, {3, 5}, 2.5e-5},
                      Algorithm{"Pointwise", PointwiseConvolution, {1}, 5e-6}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace graft::engine::cpu
