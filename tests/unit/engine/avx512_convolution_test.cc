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
  const Avx512Convolution* functions;
  std::vector<std::int64_t> kernels;  // sizes that it has
  double tolerance;                   // of the largest result
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

// The three passes.
Results Compute(const Avx512Convolution& functions, const ConvolutionShape& s, const Values& x,
                const Values& w, const Values& bias, float floor, const Values& dy, int threads) {
  const int before = omp_get_max_threads();
  omp_set_num_threads(threads);
  Results results{
      .y = Values(dy.size(), NAN), .dx = Values(x.size(), NAN), .dw = Values(w.size(), NAN)};
  const ConvolutionShape back = DataGradientShape(s);
  Values transformed(functions.weight_elements(s), NAN);
  Values scratch(
      std::max(functions.scratch_elements(s, threads), functions.scratch_elements(back, threads)),
      NAN);
  functions.transform_weight(s, w.data(), transformed.data());
  functions.convolve(s, x.data(), transformed.data(), bias.data(), floor, scratch.data(),
                     results.y.data());
  functions.weight_gradient(s, x.data(), dy.data(), transformed.data(), scratch.data(),
                            results.dw.data());
  functions.transform_turned_weight(s, w.data(), transformed.data());
  functions.convolve(back, dy.data(), transformed.data(), nullptr, -INFINITY, scratch.data(),
                     results.dx.data());
  omp_set_num_threads(before);
  return results;
}

ConvolutionShape RandomShape(std::int64_t kernel, base::Rng& random) {
  const auto draw = [&](std::uint64_t low, std::uint64_t high) {
    return static_cast<std::int64_t>(low + random.NextU64() % (high - low + 1));
  };
  ConvolutionShape s{.kernel = kernel,
                     .count = draw(1, 5),
                     .channels = draw(1, 70),
                     .filters = draw(1, 70),
                     .height = draw(1, 13),
                     .width = draw(1, 13),
                     .pad_top = draw(0, kernel - 1),
                     .pad_left = draw(0, kernel - 1)};
  const auto results = [&](std::int64_t extent, std::int64_t padding) {
    return std::max<std::int64_t>(1, extent + padding + draw(0, kernel - 1) + 1 - kernel);
  };
  s.out_height = results(s.height, s.pad_top);
  s.out_width = results(s.width, s.pad_left);
  return s;
}

class Avx512ConvolutionTest : public ::testing::TestWithParam<Algorithm> {};

TEST_P(Avx512ConvolutionTest, EqualsTheDirectSumForRandomShapesOnAnyNumberOfThreads) {
  if (GetParam().functions == nullptr) GTEST_SKIP() << "this processor has no AVX-512";
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
    const Results alone = Compute(*GetParam().functions, s, x, w, bias, floor, dy, 1);
    const ConvolutionSums direct(ProblemOf(s), s.count);
    std::vector<double> y = direct.Forward(x, w, bias);
    for (double& value : y) value = std::max<double>(value, floor);
    EXPECT_LT(Difference(alone.y, y), GetParam().tolerance);
    EXPECT_LT(Difference(alone.dx, direct.DataGradient(dy, w)), GetParam().tolerance);
    EXPECT_LT(Difference(alone.dw, direct.WeightGradient(x, dy)), GetParam().tolerance);
    const Results together = Compute(*GetParam().functions, s, x, w, bias, floor, dy, 3);
    EXPECT_EQ(together.y, alone.y);
    EXPECT_EQ(together.dx, alone.dx);
    EXPECT_EQ(together.dw, alone.dw);
  }
}

// Transformations add some rounding to that of sums in float32.
INSTANTIATE_TEST_SUITE_P(
    , Avx512ConvolutionTest,
    ::testing::Values(Algorithm{"Winograd", WinogradConvolution(), {3, 5}, 2e-5},
                      Algorithm{"Gemm", GemmConvolution(), {1, 2, 3, 5, 7}, 5e-6}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace graft::engine::cpu
