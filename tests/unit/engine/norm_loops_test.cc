// The loops of batch norm against what norm_loops.h says of each element.
#include "common/engine/cpu/norm_loops.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "common/base/rng.h"
#include "common/engine/cpu/avx512_convolution.h"

namespace graft::engine::cpu {
namespace {

using Values = std::vector<float>;
using Make = Values (*)(std::int64_t size, base::Rng& random);

// Eighths in [-2, 2]: sums and products of some are exact in float32, and many are equal.
Values Eighths(std::int64_t size, base::Rng& random) {
  Values values(size);
  for (float& value : values) value = (static_cast<float>(random.UniformInt(33)) - 16) / 8;
  return values;
}

// Some are zeros of both signs, infinite or not a number.
Values AllKinds(std::int64_t size, base::Rng& random) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> rare = {0.0F, -0.0F, kInfinity, -kInfinity, NAN};
  Values values(size);
  for (float& value : values) {
    value = random.UniformInt(10) == 0 ? rare[random.UniformInt(rare.size())] : random.Normal();
  }
  return values;
}

// Memory of a result, which is written up to its end.
class Guarded {
 public:
  explicit Guarded(Values values) : values_(std::move(values)), size_(values_.size()) {
    values_.resize(size_ + kGuard, kUntouched);
  }
  float* data() { return values_.data(); }
  Values Take() {
    EXPECT_EQ(
        std::count(values_.begin() + static_cast<std::int64_t>(size_), values_.end(), kUntouched),
        kGuard);
    values_.resize(size_);
    return std::move(values_);
  }

 private:
  static constexpr std::int64_t kGuard = 64;
  static constexpr float kUntouched = 12345;
  Values values_;
  std::size_t size_;
};

// Coefficients of so many channels, repeated to the periods.
struct Repeated {
  Repeated(std::int64_t channels, Make make, base::Rng& random)
      : period(NormPeriod(channels)),
        sum_period(NormSumPeriod(channels)),
        mean(make(channels, random)) {
    const bool frozen = random.UniformInt(4) == 0;
    factor = make(channels, random);
    shift = make(channels, random);
    slope = frozen ? Values(channels) : make(channels, random);
    constant = frozen ? Values(channels) : make(channels, random);
    for (Values* const values : {&mean, &factor, &shift, &slope, &constant}) {
      for (std::int64_t t = channels; t < std::max(period, sum_period); ++t) {
        values->push_back((*values)[t - channels]);
      }
    }
    floor = random.UniformInt(2) == 0 ? 0.0F : -std::numeric_limits<float>::infinity();
  }

  NormCoefficients view() const {
    return {mean.data(), factor.data(), shift.data(), slope.data(), constant.data(), floor};
  }

  std::int64_t period, sum_period;
  Values mean, factor, shift, slope, constant;
  float floor;
};

// What loops are given: x, dy, and a gradient and sums that they add to.
struct Data {
  Values x, dy, before, sums;
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

// By name.
using Results = std::vector<std::pair<std::string, Values>>;

// NaNs are equal whatever their payload.
bool HaveEqualBits(const Values& a, const Values& b) {
  return std::ranges::equal(a, b, [](float x, float y) {
    return (std::isnan(x) && std::isnan(y)) ||
           std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
  });
}

void ExpectEqual(const Results& found, const Results& expected) {
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].second, expected[i].second) << found[i].first;
  }
}

void ExpectEqualBits(const Results& found, const Results& expected) {
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_TRUE(HaveEqualBits(found[i].second, expected[i].second)) << found[i].first;
  }
}

// Of flat memory. A gradient that is written lies where x did, as plans place it.
Results RunFlat(const NormLoops& loops, const Repeated& by, const Data& data) {
  const float* const x = data.x.data();
  const float* const dy = data.dy.data();
  const NormBlock block = {.size = static_cast<std::int64_t>(data.x.size()), .period = by.period};
  const NormBlock summed = {.size = block.size, .period = by.sum_period};
  Guarded sums(data.sums), squares(data.sums), gradient_sums(data.sums), products(data.sums);
  Guarded y(Values(data.x.size())), dx(data.x), dx_added(data.before);
  loops.sum_moments(summed, by.mean.data(), x, sums.data(), squares.data());
  loops.normalise(block, by.view(), x, y.data());
  loops.sum_gradients(summed, by.view(), x, dy, gradient_sums.data(), products.data());
  loops.propagate(block, by.view(), dx.data(), dy, /*add=*/false, dx.data());
  loops.propagate(block, by.view(), x, dy, /*add=*/true, dx_added.data());
  return {{"sums", sums.Take()},
          {"squares", squares.Take()},
          {"y", y.Take()},
          {"sums of gradients", gradient_sums.Take()},
          {"products", products.Take()},
          {"dx", dx.Take()},
          {"dx added", dx_added.Take()}};
}

Results ExpectedFlat(const Repeated& by, const Data& data) {
  Values sums = data.sums, squares = data.sums, gradient_sums = data.sums, products = data.sums;
  Values y, dx, dx_added;
  for (std::size_t i = 0; i < data.x.size(); ++i) {
    const auto t = static_cast<std::int64_t>(i) % by.period;
    const Element at(by, t, data.x[i]);
    const double dz = at.passes ? data.dy[i] : 0.0;
    const auto s = static_cast<std::int64_t>(i) % by.sum_period;
    sums[s] += static_cast<float>(at.centred);
    squares[s] += static_cast<float>(at.centred * at.centred);
    y.push_back(static_cast<float>(std::max<double>(at.z, by.floor)));
    gradient_sums[s] += static_cast<float>(dz);
    products[s] += static_cast<float>(dz * at.centred);
    dx.push_back(static_cast<float>(at.Gradient(dz)));
    dx_added.push_back(static_cast<float>(at.Gradient(dz) + data.before[i]));
  }
  return {{"sums", sums},
          {"squares", squares},
          {"y", y},
          {"sums of gradients", gradient_sums},
          {"products", products},
          {"dx", dx},
          {"dx added", dx_added}};
}

Results RunPooled(const NormLoops& loops, const WindowRows& windows, const Repeated& by,
                  const Data& data) {
  Guarded y(Values(data.dy.size())), kept(Values(data.dy.size()));
  Guarded dx(data.x), dx_added(data.before);
  const float* const dy = data.dy.data();
  loops.pool(windows, by.view(), data.x.data(), y.data(), kept.data());
  loops.propagate_pooled(windows, by.view(), dx.data(), dy, /*add=*/false, dx.data());
  loops.propagate_pooled(windows, by.view(), data.x.data(), dy, /*add=*/true, dx_added.data());
  return {{"y", y.Take()}, {"kept", kept.Take()}, {"dx", dx.Take()}, {"dx added", dx_added.Take()}};
}

std::int64_t PooledElements(const WindowRows& w) { return w.rows * w.columns * w.channels; }

// Where the elements of a window lie that element `i` of the results is of.
std::vector<std::int64_t> PlacesOf(const WindowRows& w, std::int64_t i) {
  const std::int64_t c = i % w.channels;
  const std::int64_t column = i / w.channels % w.columns;
  const std::int64_t row = i / w.channels / w.columns;
  std::vector<std::int64_t> places;
  for (std::int64_t k = 0; k < 4; ++k) {
    const std::int64_t pixel = (2 * row + k / 2) * 2 * w.columns + 2 * column + k % 2;
    places.push_back(pixel * w.channels + c);
  }
  return places;
}

Results ExpectedPooled(const WindowRows& w, const Repeated& by, const Data& data) {
  Values y = data.dy, kept = data.dy, dx = data.x, dx_added = data.before;
  for (std::int64_t i = 0; i < PooledElements(w); ++i) {
    const std::vector<std::int64_t> places = PlacesOf(w, i);
    const auto at = [&](std::int64_t place) { return Element(by, i % w.channels, data.x[place]); };
    const std::int64_t largest =
        *std::ranges::max_element(places, {}, [&](std::int64_t place) { return at(place).z; });
    y[i] = static_cast<float>(std::max<double>(at(largest).z, by.floor));
    kept[i] = static_cast<float>(at(largest).centred);
    for (const std::int64_t place : places) {
      const double dz = place == largest && at(place).passes ? data.dy[i] : 0.0;
      dx[place] = static_cast<float>(at(place).Gradient(dz));
      dx_added[place] = static_cast<float>(at(place).Gradient(dz) + data.before[place]);
    }
  }
  return {{"y", y}, {"kept", kept}, {"dx", dx}, {"dx added", dx_added}};
}

std::int64_t Between(std::int64_t low, std::int64_t high, base::Rng& random) {
  return low + static_cast<std::int64_t>(random.UniformInt(high - low + 1));
}

std::int64_t RandomChannels(base::Rng& random) {
  const std::vector<std::int64_t> some = {1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 200, 420};
  return random.UniformInt(3) > 0 ? some[random.UniformInt(some.size())] : Between(1, 80, random);
}

// Calls test(by, data) for random batches.
template <typename Test>
void ForRandomBlocks(Make make, const Test& test) {
  base::Rng random(1);
  for (int round = 0; round < 200; ++round) {
    const std::int64_t channels = RandomChannels(random);
    const Repeated by(channels, make, random);
    const std::int64_t size = channels * Between(1, 200, random);
    SCOPED_TRACE(::testing::Message() << channels << " channels, " << size << " elements");
    test(by, Data{.x = make(size, random),
                  .dy = make(size, random),
                  .before = make(size, random),
                  .sums = make(by.sum_period, random)});
  }
}

template <typename Test>
void ForRandomWindows(Make make, const Test& test) {
  base::Rng random(2);
  for (int round = 0; round < 200; ++round) {
    const WindowRows windows = {.rows = Between(1, 5, random),
                                .columns = Between(1, 40, random),
                                .channels = RandomChannels(random)};
    const Repeated by(windows.channels, make, random);
    const std::int64_t results = PooledElements(windows);
    SCOPED_TRACE(::testing::Message() << windows.rows << " rows of " << windows.columns
                                      << " windows, " << windows.channels << " channels");
    test(windows, by,
         Data{.x = make(4 * results, random),
              .dy = make(results, random),
              .before = make(4 * results, random),
              .sums = {}});
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

TEST_P(NormLoopsTest, NormalisationAndItsGradientsEqualTheDefinition) {
  ForRandomBlocks(Eighths, [&](const Repeated& by, const Data& data) {
    ExpectEqual(RunFlat(loops(), by, data), ExpectedFlat(by, data));
  });
}

TEST_P(NormLoopsTest, PoolingTakesTheFirstOfEqualElements) {
  ForRandomWindows(Eighths, [&](const WindowRows& windows, const Repeated& by, const Data& data) {
    ExpectEqual(RunPooled(loops(), windows, by, data), ExpectedPooled(windows, by, data));
  });
}

// A ReLU or a maximum that hides a NaN would hide that a training diverges.
TEST_P(NormLoopsTest, NotANumberStays) {
  for (const std::int64_t channels : {4, 20}) {
    base::Rng random(3);
    Repeated by(channels, Eighths, random);
    by.floor = 0;
    const WindowRows windows = {.rows = 1, .columns = 5, .channels = channels};
    const std::int64_t elements = 4 * PooledElements(windows);
    for (std::int64_t i = 0; i < PooledElements(windows); ++i) {
      for (const std::int64_t place : PlacesOf(windows, i)) {
        Data data = {.x = Eighths(elements, random),
                     .dy = Eighths(elements, random),
                     .before = Eighths(elements, random),
                     .sums = Values(by.sum_period)};
        data.x[place] = NAN;
        EXPECT_TRUE(std::isnan(RunFlat(loops(), by, data)[2].second[place])) << place;
        data.dy.resize(PooledElements(windows));
        const Results pooled = RunPooled(loops(), windows, by, data);
        EXPECT_TRUE(std::isnan(pooled[0].second[i])) << place;
        EXPECT_TRUE(std::isnan(pooled[1].second[i])) << place;
        EXPECT_TRUE(std::isnan(pooled[2].second[place])) << place;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, NormLoopsTest,
                         ::testing::Values(Implementation{"Portable", &kPortableNormLoops, false},
                                           Implementation{"Avx512", &kAvx512NormLoops, true}),
                         [](const auto& info) { return info.param.name; });

TEST(NormLoopsBitsTest, AreTheSameWithAvx512AsWithout) {
  if (!HaveAvx512()) GTEST_SKIP() << "this processor has no AVX-512";
  ForRandomBlocks(AllKinds, [&](const Repeated& by, const Data& data) {
    ExpectEqualBits(RunFlat(kAvx512NormLoops, by, data), RunFlat(kPortableNormLoops, by, data));
  });
  ForRandomWindows(AllKinds, [&](const WindowRows& windows, const Repeated& by, const Data& data) {
    ExpectEqualBits(RunPooled(kAvx512NormLoops, windows, by, data),
                    RunPooled(kPortableNormLoops, windows, by, data));
  });
}

TEST(NormPeriodTest, IsAMultipleOfTheChannelsAndOfAVector) {
  EXPECT_EQ(NormPeriod(1), 64);
  EXPECT_EQ(NormPeriod(24), 96);
  EXPECT_EQ(NormPeriod(32), 64);
  EXPECT_EQ(NormPeriod(65), 1040);
}

TEST(NormPeriodTest, OfSumsFillsVectors) {
  EXPECT_EQ(NormSumPeriod(1), 192);
  EXPECT_EQ(NormSumPeriod(36), 144);  // 9 vectors; 180 would leave 12 lanes of 192 empty
  EXPECT_EQ(NormSumPeriod(64), 192);
  EXPECT_EQ(NormSumPeriod(65), 65 * 2);
  EXPECT_EQ(NormSumPeriod(193), 193);
}

}  // namespace
}  // namespace graft::engine::cpu
