// Winograd's convolution against the sum it stands for.
#include "common/engine/cpu/winograd.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "common/base/rng.h"
#include "tests/unit/engine/convolution_sums.h"

namespace graft::engine::cpu {
namespace {

using testing::ConvolutionSums;
using testing::Difference;
using testing::RandomValues;
using testing::Values;

ConvolutionProblem ProblemOf(const WinogradShape& s) {
  return {.x = {.channels = s.channels, .height = s.height, .width = s.width},
          .y = {.channels = s.filters, .height = s.out_height, .width = s.out_width},
          .weight = {s.filters, s.channels, 3, 3},
          .strides = {1, 1},
          .padding_before = {s.pad_top, s.pad_left}};
}

// Transformations add some rounding to that of sums in float32.
constexpr double kTolerance = 2e-5;

// The three passes by Winograd.
struct Results {
  Values y, dx, dw;
};

Results Compute(const WinogradShape& s, const Values& x, const Values& w, const Values& bias,
                float floor, const Values& dy, int threads) {
  const int before = omp_get_max_threads();
  omp_set_num_threads(threads);
  Results results{
      .y = Values(dy.size(), NAN), .dx = Values(x.size(), NAN), .dw = Values(w.size(), NAN)};
  Values transformed(WinogradWeightElements(s.channels, s.filters), NAN);
  Values scratch(WinogradScratchElements(s, threads), NAN);
  TransformWeight(w.data(), s.filters, s.channels, transformed.data());
  WinogradConvolution(s, x.data(), transformed.data(), bias.data(), floor, scratch.data(),
                      results.y.data());
  WinogradWeightGradient(s, x.data(), dy.data(), transformed.data(), scratch.data(),
                         results.dw.data());
  const WinogradShape back{.count = s.count,
                           .channels = s.filters,
                           .filters = s.channels,
                           .height = s.out_height,
                           .width = s.out_width,
                           .out_height = s.height,
                           .out_width = s.width,
                           .pad_top = 2 - s.pad_top,
                           .pad_left = 2 - s.pad_left};
  TransformTurnedWeight(w.data(), s.filters, s.channels, transformed.data());
  WinogradConvolution(back, dy.data(), transformed.data(), nullptr, -INFINITY, scratch.data(),
                      results.dx.data());
  omp_set_num_threads(before);
  return results;
}

TEST(WinogradTest, EqualsTheDirectSumForRandomShapesOnAnyNumberOfThreads) {
  if (!HaveWinograd()) GTEST_SKIP() << "this processor has no AVX-512";
  base::Rng random(1);
  const auto draw = [&](std::uint64_t low, std::uint64_t high) {
    return static_cast<std::int64_t>(low + random.NextU64() % (high - low + 1));
  };
  for (int round = 0; round < 60; ++round) {
    WinogradShape s{.count = draw(1, 5),
                    .channels = draw(1, 70),
                    .filters = draw(1, 70),
                    .height = draw(1, 13),
                    .width = draw(1, 13),
                    .pad_top = draw(0, 2),
                    .pad_left = draw(0, 2)};
    s.out_height = std::max<std::int64_t>(1, s.height + s.pad_top + draw(0, 2) - 2);
    s.out_width = std::max<std::int64_t>(1, s.width + s.pad_left + draw(0, 2) - 2);
    const Values x = RandomValues(s.count * s.height * s.width * s.channels, 1);
    const Values w = RandomValues(s.filters * s.channels * 9, 2);
    const Values bias = RandomValues(s.filters, 3);
    const Values dy = RandomValues(s.count * s.out_height * s.out_width * s.filters, 4);
    SCOPED_TRACE(::testing::Message()
                 << s.count << " of [" << s.channels << "," << s.height << "," << s.width
                 << "] to [" << s.filters << "," << s.out_height << "," << s.out_width
                 << "], padded " << s.pad_top << " and " << s.pad_left);
    const float floor = round % 2 == 0 ? -INFINITY : 0.0F;
    const Results alone = Compute(s, x, w, bias, floor, dy, 1);
    const ConvolutionSums direct(ProblemOf(s), s.count);
    std::vector<double> y = direct.Forward(x, w, bias);
    for (double& value : y) value = std::max<double>(value, floor);
    EXPECT_LT(Difference(alone.y, y), kTolerance);
    EXPECT_LT(Difference(alone.dx, direct.DataGradient(dy, w)), kTolerance);
    EXPECT_LT(Difference(alone.dw, direct.WeightGradient(x, dy)), kTolerance);
    const Results together = Compute(s, x, w, bias, floor, dy, 3);
    EXPECT_EQ(together.y, alone.y);
    EXPECT_EQ(together.dx, alone.dx);
    EXPECT_EQ(together.dw, alone.dw);
  }
}

}  // namespace
}  // namespace graft::engine::cpu
