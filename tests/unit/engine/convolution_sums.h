// The sums that a convolution stands for, for comparison with methods that are faster.
#ifndef GRAFT_TESTS_UNIT_ENGINE_CONVOLUTION_SUMS_H_
#define GRAFT_TESTS_UNIT_ENGINE_CONVOLUTION_SUMS_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "common/base/rng.h"
#include "common/engine/cpu/convolution_method.h"

namespace graft::engine::testing {

using cpu::ConvolutionProblem;
using Values = std::vector<float>;

// In [-1, 1).
inline Values RandomValues(std::int64_t size, std::uint64_t stream) {
  base::Rng random(7, stream);
  Values values(size);
  for (float& value : values) value = random.Uniform(-1.0F, 1.0F);
  return values;
}

// What convolution_method.h computes of so many examples, in float64.
class ConvolutionSums {
 public:
  ConvolutionSums(const ConvolutionProblem& problem, std::int64_t count)
      : p(problem), count_(count) {}

  std::vector<double> Forward(const Values& x, const Values& w, const Values& bias) const {
    std::vector<double> y(count_ * p.y.elements());
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = bias[i % bias.size()];
    ForEachProduct([&](std::int64_t xi, std::int64_t wi, std::int64_t yi) {
      y[yi] += static_cast<double>(x[xi]) * w[wi];
    });
    return y;
  }
  std::vector<double> DataGradient(const Values& dy, const Values& w) const {
    std::vector<double> dx(count_ * p.x.elements());
    ForEachProduct([&](std::int64_t xi, std::int64_t wi, std::int64_t yi) {
      dx[xi] += static_cast<double>(dy[yi]) * w[wi];
    });
    return dx;
  }
  std::vector<double> WeightGradient(const Values& x, const Values& dy) const {
    std::vector<double> dw(p.y.channels * p.weight[1] * p.weight[2] * p.weight[3]);
    ForEachProduct([&](std::int64_t xi, std::int64_t wi, std::int64_t yi) {
      dw[wi] += static_cast<double>(x[xi]) * dy[yi];
    });
    return dw;
  }
  std::vector<double> BiasGradient(const Values& dy) const {
    std::vector<double> dbias(p.y.channels);
    for (std::int64_t i = 0; i < count_ * p.y.elements(); ++i) dbias[i % p.y.channels] += dy[i];
    return dbias;
  }

 private:
  // Calls f(index of x, of weight, of y) for every product of the convolution.
  template <typename F>
  void ForEachProduct(F f) const {
    const std::int64_t width = p.weight[1];  // channels of a group
    const std::int64_t filters = p.y.channels / p.groups;
    for (std::int64_t row = 0; row < count_ * p.y.plane(); ++row) {
      const std::int64_t n = row / p.y.plane();
      for (std::int64_t tap = 0; tap < p.weight[2] * p.weight[3]; ++tap) {
        const std::int64_t i = Position(0, row % p.y.plane() / p.y.width, tap / p.weight[3]);
        const std::int64_t j = Position(1, row % p.y.width, tap % p.weight[3]);
        if (i < 0 || i >= p.x.height || j < 0 || j >= p.x.width) continue;
        for (std::int64_t o = 0; o < p.y.channels; ++o) {
          for (std::int64_t c = 0; c < width; ++c) {
            f(((n * p.x.height + i) * p.x.width + j) * p.x.channels + o / filters * width + c,
              (o * width + c) * p.weight[2] * p.weight[3] + tap, row * p.y.channels + o);
          }
        }
      }
    }
  }
  std::int64_t Position(int axis, std::int64_t result, std::int64_t tap) const {
    return result * p.strides[axis] + tap * (p.dilates[axis] + 1) - p.padding_before[axis];
  }

  const ConvolutionProblem p;
  const std::int64_t count_;
};

// The largest difference, relative to the largest expected value; infinite if a value is a NaN.
inline double Difference(const Values& values, const std::vector<double>& expected) {
  EXPECT_EQ(values.size(), expected.size());
  double largest = 0;
  double difference = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (std::isnan(values[i])) return std::numeric_limits<double>::infinity();
    largest = std::max(largest, std::abs(expected[i]));
    difference = std::max(difference, std::abs(values[i] - expected[i]));
  }
  return difference / largest;
}

}  // namespace graft::engine::testing

#endif  // GRAFT_TESTS_UNIT_ENGINE_CONVOLUTION_SUMS_H_
