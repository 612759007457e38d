// The portable loops, which the compiler vectorises; not for AVX-512, which has its own.
#include "common/engine/cpu/norm_loops.h"

#include <algorithm>
#include <numeric>

#include "common/engine/cpu/simd.h"

namespace graft::engine::cpu {
namespace {

// first[t] += x - mean, second[t] += (x - mean)^2
GRAFT_SIMD_SHORT void SumMoments(const NormBlock& block, const float* __restrict mean,
                                 const float* __restrict x, float* __restrict first,
                                 float* __restrict second) {
  for (std::int64_t start = 0; start < block.size; start += block.period) {
    const std::int64_t length = std::min(block.period, block.size - start);
    for (std::int64_t t = 0; t < length; ++t) {
      const float centred = x[start + t] - mean[t];
      first[t] += centred;
      second[t] += centred * centred;
    }
  }
}

// With dz = dy where the result is above the floor, else 0: first[t] += dz,
// second[t] += dz (x - mean)
GRAFT_SIMD_SHORT void SumBlockGradients(const NormBlock& block, const NormCoefficients& by,
                                        const float* __restrict x, const float* __restrict dy,
                                        float* __restrict first, float* __restrict second) {
  const float* __restrict mean = by.mean;
  const float* __restrict factor = by.factor;
  const float* __restrict shift = by.shift;
  const float floor = by.floor;
  for (std::int64_t start = 0; start < block.size; start += block.period) {
    const std::int64_t length = std::min(block.period, block.size - start);
    for (std::int64_t t = 0; t < length; ++t) {
      const float centred = x[start + t] - mean[t];
      const bool passes = centred * factor[t] + shift[t] > floor;
      const float dz = passes ? dy[start + t] : 0.0F;
      first[t] += dz;
      second[t] += dz * centred;
    }
  }
}

// y = max((x - mean) factor + shift, floor)
GRAFT_SIMD_SHORT void NormaliseBlock(const NormBlock& block, const NormCoefficients& by,
                                     const float* __restrict x, float* __restrict y) {
  const float* __restrict mean = by.mean;
  const float* __restrict factor = by.factor;
  const float* __restrict shift = by.shift;
  const float floor = by.floor;
  for (std::int64_t start = 0; start < block.size; start += block.period) {
    const std::int64_t length = std::min(block.period, block.size - start);
    for (std::int64_t t = 0; t < length; ++t) {
      const float value = (x[start + t] - mean[t]) * factor[t] + shift[t];
      y[start + t] = value < floor ? floor : value;
    }
  }
}

// dx = factor dz - slope (x - mean) - constant
template <bool kAdd>
GRAFT_INLINE void PropagateBlock(const NormBlock& block, const NormCoefficients& by, const float* x,
                                 const float* __restrict dy, float* dx) {
  const float* __restrict mean = by.mean;
  const float* __restrict factor = by.factor;
  const float* __restrict shift = by.shift;
  const float* __restrict slope = by.slope;
  const float* __restrict constant = by.constant;
  const float floor = by.floor;
  for (std::int64_t start = 0; start < block.size; start += block.period) {
    const std::int64_t length = std::min(block.period, block.size - start);
#pragma GCC ivdep
    for (std::int64_t t = 0; t < length; ++t) {
      const float centred = x[start + t] - mean[t];
      const bool passes = centred * factor[t] + shift[t] > floor;
      const float dz = passes ? dy[start + t] : 0.0F;
      const float gradient = factor[t] * dz - slope[t] * centred - constant[t];
      dx[start + t] = kAdd ? dx[start + t] + gradient : gradient;
    }
  }
}

GRAFT_SIMD_SHORT void Propagate(const NormBlock& block, const NormCoefficients& by, const float* x,
                                const float* dy, bool add, float* dx) {
  if (add) {
    PropagateBlock<true>(block, by, x, dy, dx);
  } else {
    PropagateBlock<false>(block, by, x, dy, dx);
  }
}

// Of x.
GRAFT_INLINE std::int64_t RowElements(const WindowRows& windows) {
  return 2 * windows.columns * windows.channels;
}

// One channel of a window.
struct Window {
  float top_left, top_right, bottom_left, bottom_right;
};

// `of_next` where `next` is larger than those before it, of which `largest` is the largest; else
// `of_largest`. Of equal elements the first one counts; a NaN is larger than anything.
GRAFT_INLINE float Pick(float largest, float next, float of_largest, float of_next) {
  return ((next > largest) | (next != next)) ? of_next : of_largest;
}

// The largest of the first two elements, of the first three and of all.
struct Largest {
  GRAFT_INLINE explicit Largest(const Window& z)
      : two(Pick(z.top_left, z.top_right, z.top_left, z.top_right)),
        three(Pick(two, z.bottom_left, two, z.bottom_left)),
        four(Pick(three, z.bottom_right, three, z.bottom_right)) {}

  float two, three, four;
};

// Of `values` the one where z is largest.
GRAFT_INLINE float AtLargest(const Window& z, const Largest& largest, const Window& values) {
  const float of_two = Pick(z.top_left, z.top_right, values.top_left, values.top_right);
  const float of_three = Pick(largest.two, z.bottom_left, of_two, values.bottom_left);
  return Pick(largest.three, z.bottom_right, of_three, values.bottom_right);
}

// `value` where z is largest, elsewhere 0.
GRAFT_INLINE Window OnlyAtLargest(const Window& z, const Largest& largest, float value) {
  const float of_three = Pick(largest.three, z.bottom_right, value, 0.0F);
  const float of_two = Pick(largest.two, z.bottom_left, of_three, 0.0F);
  return {Pick(z.top_left, z.top_right, of_two, 0.0F), Pick(z.top_left, z.top_right, 0.0F, of_two),
          Pick(largest.two, z.bottom_left, 0.0F, of_three),
          Pick(largest.three, z.bottom_right, 0.0F, value)};
}

// x - mean: `top` and `bottom` are at the channel in the window's left column.
GRAFT_INLINE Window Centred(const float* top, const float* bottom, std::int64_t channels,
                            float mean) {
  return {top[0] - mean, top[channels] - mean, bottom[0] - mean, bottom[channels] - mean};
}

GRAFT_INLINE Window Scaled(const Window& centred, float factor, float shift) {
  return {centred.top_left * factor + shift, centred.top_right * factor + shift,
          centred.bottom_left * factor + shift, centred.bottom_right * factor + shift};
}

// y = the largest z of each window, at least the floor; kept = x - mean of that
GRAFT_SIMD_SHORT void Pool(const WindowRows& windows, const NormCoefficients& by,
                           const float* __restrict x, float* __restrict y, float* __restrict kept) {
  const float* __restrict mean = by.mean;
  const float* __restrict factor = by.factor;
  const float* __restrict shift = by.shift;
  const float floor = by.floor;
  const std::int64_t channels = windows.channels;
  for (std::int64_t i = 0; i < windows.rows; ++i, x += RowElements(windows)) {
    for (std::int64_t j = 0; j < windows.columns;
         ++j, x += 2 * channels, y += channels, kept += channels) {
      const float* __restrict bottom = x + RowElements(windows);
      for (std::int64_t c = 0; c < channels; ++c) {
        const Window centred = Centred(x + c, bottom + c, channels, mean[c]);
        const Window z = Scaled(centred, factor[c], shift[c]);
        const Largest largest(z);
        y[c] = largest.four < floor ? floor : largest.four;
        kept[c] = AtLargest(z, largest, centred);
      }
    }
  }
}

template <bool kAdd>
GRAFT_INLINE void PropagateWindows(const WindowRows& windows, const NormCoefficients& by,
                                   const float* x, const float* __restrict dy, float* dx) {
  const float* __restrict mean = by.mean;
  const float* __restrict factor = by.factor;
  const float* __restrict shift = by.shift;
  const float* __restrict slope = by.slope;
  const float* __restrict constant = by.constant;
  const float floor = by.floor;
  const std::int64_t channels = windows.channels;
  const std::int64_t row = RowElements(windows);
  for (std::int64_t i = 0; i < windows.rows; ++i, x += row, dx += row) {
    for (std::int64_t j = 0; j < windows.columns;
         ++j, x += 2 * channels, dx += 2 * channels, dy += channels) {
      const float* bottom = x + row;
      float* right = dx + channels;
      float* dx_bottom = dx + row;
      float* right_bottom = dx_bottom + channels;
#pragma GCC ivdep
      for (std::int64_t c = 0; c < channels; ++c) {
        const Window centred = Centred(x + c, bottom + c, channels, mean[c]);
        const Window z = Scaled(centred, factor[c], shift[c]);
        const float scaled_dy = factor[c] * dy[c];
        const Largest largest(z);
        const Window dz = OnlyAtLargest(z, largest, largest.four > floor ? scaled_dy : 0.0F);
        const float of_top_left = dz.top_left - slope[c] * centred.top_left - constant[c];
        const float of_top_right = dz.top_right - slope[c] * centred.top_right - constant[c];
        const float of_bottom_left = dz.bottom_left - slope[c] * centred.bottom_left - constant[c];
        const float of_bottom_right =
            dz.bottom_right - slope[c] * centred.bottom_right - constant[c];
        dx[c] = kAdd ? dx[c] + of_top_left : of_top_left;
        right[c] = kAdd ? right[c] + of_top_right : of_top_right;
        dx_bottom[c] = kAdd ? dx_bottom[c] + of_bottom_left : of_bottom_left;
        right_bottom[c] = kAdd ? right_bottom[c] + of_bottom_right : of_bottom_right;
      }
    }
  }
}

GRAFT_SIMD_SHORT void PropagatePooled(const WindowRows& windows, const NormCoefficients& by,
                                      const float* x, const float* dy, bool add, float* dx) {
  if (add) {
    PropagateWindows<true>(windows, by, x, dy, dx);
  } else {
    PropagateWindows<false>(windows, by, x, dy, dx);
  }
}

}  // namespace

std::int64_t NormPeriod(std::int64_t channels) {
  constexpr std::int64_t kVector = 16;
  constexpr std::int64_t kLeast = 64;
  const std::int64_t multiple = std::lcm(channels, kVector);
  return (kLeast + multiple - 1) / multiple * multiple;
}

std::int64_t NormSumPeriod(std::int64_t channels) {
  constexpr std::int64_t kVector = 16;
  const auto lanes = [](std::int64_t elements) {
    return (elements + kVector - 1) / kVector * kVector;
  };
  std::int64_t best = channels;
  for (std::int64_t period = channels; period <= kNormSumVectors * kVector; period += channels) {
    if (period * lanes(best) >= best * lanes(period)) best = period;
  }
  return best;
}

const NormLoops kPortableNormLoops = {.sum_moments = SumMoments,
                                      .normalise = NormaliseBlock,
                                      .sum_gradients = SumBlockGradients,
                                      .propagate = Propagate,
                                      .pool = Pool,
                                      .propagate_pooled = PropagatePooled};

}  // namespace graft::engine::cpu
