// The loops of batch norm against what norm_loops.h says of each element.
#include "common/engine/cpu/norm_loops.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "common/base/rng.h"
#include "common/engine/cpu/avx512_convolution.h"

namespace graft::engine::cpu {
namespace {

using Values = std::vector<float>;

// Eighths in [-2, 2]: sums and products of some are exact in float32, and many are equal.
Values Eighths(std::int64_t size, base::Rng& random) {
  Values values(size);
  for (float& value : values) value = (static_cast<float>(random.UniformInt(33)) - 16) / 8;
  return values;
}

Values Normals(std::int64_t size, base::Rng& random) {
  Values values(size);
  for (float& value : values) value = random.Normal();
  return values;
}

using Make = Values (*)(std::int64_t size, base::Rng& random);

// Coefficients of so many channels, repeated to a period.
struct Repeated {
  Repeated(std::int64_t channels, bool relu, Make make, base::Rng& random)
      : period(std::lcm(channels, std::int64_t{16}) * (channels < 64 ? 4 : 1)) {
    for (Values* const values : {&mean, &factor, &shift, &slope, &constant}) {
      *values = make(channels, random);
      for (std::int64_t t = channels; t < period; ++t) values->push_back((*values)[t - channels]);
    }
    floor = relu ? 0.0F : -std::numeric_limits<float>::infinity();
  }

  NormCoefficients view() const {
    return {mean.data(), factor.data(), shift.data(), slope.data(), constant.data(), floor};
  }

  std::int64_t period;
  Values mean, factor, shift, slope, constant;
  float floor;
};

// One element, in float64.
struct Element {
  Element(const Repeated& by, std::int64_t t, float x)
      : centred(static_cast<double>(x) - by.mean[t]),
        z(centred * by.factor[t] + by.shift[t]),
        passes(z > by.floor),
        factor(by.factor[t]),
        minus(by.slope[t] * centred + by.constant[t]) {}

  double Gradient(double dz) const { return factor * dz - minus; }

  double centred;
  double z;
  bool passes;
  double factor, minus;
};

// What loops made of a batch.
struct Results {
  Values sums, squares, y, gradient_sums, products, dx, dx_added;
  friend bool operator==(const Results&, const Results&) = default;
};

// Of flat memory. The gradient that is written lies where x did, as plans place it.
Results RunFlat(const NormLoops& loops, const Repeated& by, const Values& x, const Values& dy,
                const Values& before) {
  const auto size = static_cast<std::int64_t>(x.size());
  const NormBlock block = {.size = size, .period = by.period};
  Results r{.sums = Values(by.period),
            .squares = Values(by.period),
            .y = Values(size),
            .gradient_sums = Values(by.period),
            .products = Values(by.period),
            .dx = x,
            .dx_added = before};
  loops.sum_moments(block, by.mean.data(), x.data(), r.sums.data(), r.squares.data());
  loops.normalise(block, by.view(), x.data(), r.y.data());
  loops.sum_gradients(block, by.view(), x.data(), dy.data(), r.gradient_sums.data(),
                      r.products.data());
  loops.propagate(block, by.view(), r.dx.data(), dy.data(), /*add=*/false, r.dx.data());
  loops.propagate(block, by.view(), x.data(), dy.data(), /*add=*/true, r.dx_added.data());
  return r;
}

Results ExpectedFlat(const Repeated& by, const Values& x, const Values& dy, const Values& before) {
  Results r{.sums = Values(by.period),
            .squares = Values(by.period),
            .gradient_sums = Values(by.period),
            .products = Values(by.period)};
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto t = static_cast<std::int64_t>(i) % by.period;
    const Element at(by, t, x[i]);
    const double dz = at.passes ? dy[i] : 0.0;
    r.sums[t] += static_cast<float>(at.centred);
    r.squares[t] += static_cast<float>(at.centred * at.centred);
    r.y.push_back(static_cast<float>(std::max<double>(at.z, by.floor)));
    r.gradient_sums[t] += static_cast<float>(dz);
    r.products[t] += static_cast<float>(dz * at.centred);
    r.dx.push_back(static_cast<float>(at.Gradient(dz)));
    r.dx_added.push_back(static_cast<float>(at.Gradient(dz) + before[i]));
  }
  return r;
}

struct PooledResults {
  Values y, kept, dx, dx_added;
  friend bool operator==(const PooledResults&, const PooledResults&) = default;
};

std::int64_t ResultsOf(const WindowRows& w) { return w.rows * w.columns * w.channels; }

PooledResults RunPooled(const NormLoops& loops, const WindowRows& windows, const Repeated& by,
                        const Values& x, const Values& dy, const Values& before) {
  PooledResults r{.y = Values(dy.size()), .kept = Values(dy.size()), .dx = x, .dx_added = before};
  loops.pool(windows, by.view(), x.data(), r.y.data(), r.kept.data());
  loops.propagate_pooled(windows, by.view(), r.dx.data(), dy.data(), /*add=*/false, r.dx.data());
  loops.propagate_pooled(windows, by.view(), x.data(), dy.data(), /*add=*/true, r.dx_added.data());
  return r;
}

PooledResults ExpectedPooled(const WindowRows& w, const Repeated& by, const Values& x,
                             const Values& dy, const Values& before) {
  PooledResults r{.y = dy, .kept = dy, .dx = x, .dx_added = before};
  for (std::int64_t i = 0; i < ResultsOf(w); ++i) {
    const std::int64_t c = i % w.channels;
    const std::int64_t column = i / w.channels % w.columns;
    const std::int64_t row = i / w.channels / w.columns;
    std::vector<std::int64_t> places;
    for (std::int64_t k = 0; k < 4; ++k) {
      const std::int64_t pixel = (2 * row + k / 2) * 2 * w.columns + 2 * column + k % 2;
      places.push_back(pixel * w.channels + c);
    }
    const auto z = [&](std::int64_t place) { return Element(by, c, x[place]).z; };
    const std::int64_t largest = *std::ranges::max_element(places, {}, z);
    r.y[i] = static_cast<float>(std::max<double>(z(largest), by.floor));
    r.kept[i] = static_cast<float>(Element(by, c, x[largest]).centred);
    for (const std::int64_t place : places) {
      const Element at(by, c, x[place]);
      const double gradient = at.Gradient(place == largest && at.passes ? dy[i] : 0.0);
      r.dx[place] = static_cast<float>(gradient);
      r.dx_added[place] = static_cast<float>(gradient + before[place]);
    }
  }
  return r;
}

std::int64_t RandomChannels(base::Rng& random) {
  const std::vector<std::int64_t> some = {1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128};
  return random.UniformInt(2) == 0 ? some[random.UniformInt(some.size())]
                                   : static_cast<std::int64_t>(1 + random.UniformInt(80));
}

// Calls test(by, x, dy, a gradient to add to) for random batches.
template <typename Test>
void ForRandomBlocks(Make make, const Test& test) {
  base::Rng random(1);
  for (int round = 0; round < 150; ++round) {
    const std::int64_t channels = RandomChannels(random);
    const Repeated by(channels, random.UniformInt(2) == 0, make, random);
    const auto size = channels * static_cast<std::int64_t>(1 + random.UniformInt(200));
    SCOPED_TRACE(::testing::Message() << channels << " channels, " << size << " elements");
    test(by, make(size, random), make(size, random), make(size, random));
  }
}

template <typename Test>
void ForRandomWindows(Make make, const Test& test) {
  base::Rng random(2);
  for (int round = 0; round < 150; ++round) {
    const WindowRows windows = {.rows = static_cast<std::int64_t>(1 + random.UniformInt(6)),
                                .columns = static_cast<std::int64_t>(1 + random.UniformInt(9)),
                                .channels = RandomChannels(random)};
    const Repeated by(windows.channels, random.UniformInt(2) == 0, make, random);
    const std::int64_t results = ResultsOf(windows);
    SCOPED_TRACE(::testing::Message() << windows.rows << " rows of " << windows.columns
                                      << " windows, " << windows.channels << " channels");
    test(windows, by, make(4 * results, random), make(results, random), make(4 * results, random));
  }
}

struct Implementation {
  std::string name;
  const NormLoops* loops;
  bool needs_avx512;
};

class NormLoopsTest : public ::testing::TestWithParam<Implementation> {
 protected:
  void SetUp() override {
    if (GetParam().needs_avx512 && !HaveAvx512()) GTEST_SKIP() << "this processor has no AVX-512";
  }
  const NormLoops& loops() const { return *GetParam().loops; }
};

TEST_P(NormLoopsTest, NormaliseAndTheirGradientsEqualTheDefinition) {
  ForRandomBlocks(
      Eighths, [&](const Repeated& by, const Values& x, const Values& dy, const Values& before) {
        EXPECT_TRUE(RunFlat(loops(), by, x, dy, before) == ExpectedFlat(by, x, dy, before));
      });
}

TEST_P(NormLoopsTest, PooledOnesPickTheFirstOfEqualElements) {
  ForRandomWindows(Eighths, [&](const WindowRows& windows, const Repeated& by, const Values& x,
                                const Values& dy, const Values& before) {
    EXPECT_TRUE(RunPooled(loops(), windows, by, x, dy, before) ==
                ExpectedPooled(windows, by, x, dy, before));
  });
}

// A ReLU or a maximum that hides a NaN would hide that a training diverges.
TEST_P(NormLoopsTest, NotANumberStays) {
  for (const std::int64_t channels : {4, 20}) {
    base::Rng random(3);
    const Repeated by(channels, /*relu=*/true, Eighths, random);
    const WindowRows windows = {.rows = 1, .columns = 5, .channels = channels};
    for (std::int64_t pixel = 0; pixel < 20; ++pixel) {
      Values x = Eighths(20 * channels, random);
      x[pixel * channels + 1] = NAN;
      const Values dy = Eighths(20 * channels, random);
      EXPECT_TRUE(std::isnan(RunFlat(loops(), by, x, dy, x).y[pixel * channels + 1]));
      const Values pooled_dy(dy.begin(), dy.begin() + 5 * channels);
      const PooledResults pooled = RunPooled(loops(), windows, by, x, pooled_dy, x);
      EXPECT_TRUE(std::isnan(pooled.y[pixel % 10 / 2 * channels + 1])) << pixel;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, NormLoopsTest,
                         ::testing::Values(Implementation{"Portable", &kPortableNormLoops, false},
                                           Implementation{"Avx512", &kAvx512NormLoops, true}),
                         [](const auto& info) { return info.param.name; });

TEST(NormLoopsBitsTest, AreTheSameWithAvx512AsWithout) {
  if (!HaveAvx512()) GTEST_SKIP() << "this processor has no AVX-512";
  ForRandomBlocks(Normals,
                  [&](const Repeated& by, const Values& x, const Values& dy, const Values& before) {
                    EXPECT_TRUE(RunFlat(kAvx512NormLoops, by, x, dy, before) ==
                                RunFlat(kPortableNormLoops, by, x, dy, before));
                  });
  ForRandomWindows(Normals, [&](const WindowRows& windows, const Repeated& by, const Values& x,
                                const Values& dy, const Values& before) {
    EXPECT_TRUE(RunPooled(kAvx512NormLoops, windows, by, x, dy, before) ==
                RunPooled(kPortableNormLoops, windows, by, x, dy, before));
  });
}

}  // namespace
}  // namespace graft::engine::cpu
