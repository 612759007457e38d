// Winograd's convolution against the sum it stands for.
#include "common/engine/cpu/winograd.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "common/base/rng.h"

namespace graft::engine::cpu {
namespace {

using Values = std::vector<float>;

Values Random(std::int64_t size, std::uint64_t stream) {
  base::Rng random(7, stream);
  Values values(size);
  for (float& value : values) value = random.Uniform(-1.0F, 1.0F);
  return values;
}

// What winograd.h computes, directly and in float64.
class Direct {
 public:
  explicit Direct(const WinogradShape& shape) : s(shape) {}

  std::vector<double> Forward(const Values& x, const Values& w, const Values& bias) const {
    std::vector<double> y(s.count * s.out_height * s.out_width * s.filters);
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = bias[i % s.filters];
    ForEachProduct([&](std::int64_t xi, std::int64_t wi, std::int64_t yi) {
      y[yi] += static_cast<double>(x[xi]) * w[wi];
    });
    return y;
  }
  std::vector<double> DataGradient(const Values& dy, const Values& w) const {
    std::vector<double> dx(s.count * s.height * s.width * s.channels);
    ForEachProduct([&](std::int64_t xi, std::int64_t wi, std::int64_t yi) {
      dx[xi] += static_cast<double>(dy[yi]) * w[wi];
    });
    return dx;
  }
  std::vector<double> WeightGradient(const Values& x, const Values& dy) const {
    std::vector<double> dw(s.filters * s.channels * 9);
    ForEachProduct([&](std::int64_t xi, std::int64_t wi, std::int64_t yi) {
      dw[wi] += static_cast<double>(x[xi]) * dy[yi];
    });
    return dw;
  }

 private:
  // Calls f(index of x, of weight, of y) for every product of the convolution.
  template <typename F>
  void ForEachProduct(F f) const {
    for (std::int64_t row = 0; row < s.count * s.out_height * s.out_width; ++row) {
      const std::int64_t n = row / (s.out_height * s.out_width);
      const std::int64_t i = row / s.out_width % s.out_height;
      const std::int64_t j = row % s.out_width;
      for (std::int64_t tap = 0; tap < 9; ++tap) {
        const std::int64_t y = i + tap / 3 - s.pad_top;
        const std::int64_t x = j + tap % 3 - s.pad_left;
        if (y < 0 || y >= s.height || x < 0 || x >= s.width) continue;
        for (std::int64_t c = 0; c < s.channels; ++c) {
          for (std::int64_t o = 0; o < s.filters; ++o) {
            f(((n * s.height + y) * s.width + x) * s.channels + c, (o * s.channels + c) * 9 + tap,
              row * s.filters + o);
          }
        }
      }
    }
  }

  const WinogradShape s;
};

void ExpectNear(const Values& values, const std::vector<double>& expected, const char* what) {
  ASSERT_EQ(values.size(), expected.size());
  double largest = 0;
  double difference = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    largest = std::max(largest, std::abs(expected[i]));
    difference = std::max(difference, std::abs(values[i] - expected[i]));
  }
  EXPECT_LT(difference, 2e-5 * largest) << what;
}

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
    const Values x = Random(s.count * s.height * s.width * s.channels, 1);
    const Values w = Random(s.filters * s.channels * 9, 2);
    const Values bias = Random(s.filters, 3);
    const Values dy = Random(s.count * s.out_height * s.out_width * s.filters, 4);
    SCOPED_TRACE(::testing::Message()
                 << s.count << " of [" << s.channels << "," << s.height << "," << s.width
                 << "] to [" << s.filters << "," << s.out_height << "," << s.out_width
                 << "], padded " << s.pad_top << " and " << s.pad_left);
    const float floor = round % 2 == 0 ? -INFINITY : 0.0F;
    const Results alone = Compute(s, x, w, bias, floor, dy, 1);
    const Direct direct(s);
    auto y = direct.Forward(x, w, bias);
    for (auto& value : y) value = std::max<std::remove_reference_t<decltype(value)>>(value, floor);
    ExpectNear(alone.y, y, "y");
    ExpectNear(alone.dx, direct.DataGradient(dy, w), "dx");
    ExpectNear(alone.dw, direct.WeightGradient(x, dy), "dw");
    const Results together = Compute(s, x, w, bias, floor, dy, 3);
    EXPECT_EQ(together.y, alone.y);
    EXPECT_EQ(together.dx, alone.dx);
    EXPECT_EQ(together.dw, alone.dw);
  }
}

}  // namespace
}  // namespace graft::engine::cpu
