// The loops of batch norm for processors with AVX-512: vectors whatever the number of channels, and
// sums that stay in registers. Nothing is contracted, and sums have the order of the portable
// loops, so that bits are theirs.
#include "common/engine/cpu/norm_loops.h"

#ifdef __AVX512F__

#include "common/engine/cpu/avx512_gemm.h"
#include "common/engine/cpu/simd.h"

namespace graft::engine::cpu {
namespace {

using V = FullVector;
using Register = V::Vector;

// Coefficients of a vector's elements.
struct Coefficients {
  GRAFT_INLINE Coefficients(const NormCoefficients& by, int64_t t, __mmask16 lanes)
      : mean(V::Load(lanes, by.mean + t)),
        factor(V::Load(lanes, by.factor + t)),
        shift(V::Load(lanes, by.shift + t)) {}

  GRAFT_INLINE Register Centred(Register x) const { return _mm512_sub_ps(x, mean); }
  GRAFT_INLINE Register Scaled(Register centred) const {
    return _mm512_add_ps(_mm512_mul_ps(centred, factor), shift);
  }

  Register mean, factor, shift;
};

struct GradientCoefficients : Coefficients {
  GRAFT_INLINE GradientCoefficients(const NormCoefficients& by, int64_t t, __mmask16 lanes)
      : Coefficients(by, t, lanes),
        slope(V::Load(lanes, by.slope + t)),
        constant(V::Load(lanes, by.constant + t)) {}

  // Of x, from factor dz.
  GRAFT_INLINE Register Gradient(Register scaled_dz, Register centred) const {
    return _mm512_sub_ps(_mm512_sub_ps(scaled_dz, _mm512_mul_ps(slope, centred)), constant);
  }

  Register slope, constant;
};

GRAFT_INLINE __mmask16 IsAbove(Register z, Register floor) {
  return _mm512_cmp_ps_mask(z, floor, _CMP_GT_OQ);
}

// f(offset in the block, position in the period, lanes) for all vectors of a block, in order.
template <typename F>
GRAFT_INLINE void ForEachVectorOf(const NormBlock& block, F f) {
  for (int64_t start = 0; start < block.size; start += block.period) {
    const int64_t length = Smaller(block.period, block.size - start);
    int64_t t = 0;
    for (; t + kLanes <= length; t += kLanes) f(start + t, t, V::kAll);
    if (t < length) f(start + t, t, LanesOf(length - t));
  }
}

// kVectors vectors of each of some rows, whose sums are kept in registers.
template <int kVectors>
struct Tile {
  int64_t rows;
  int64_t step;    // from a row to the next
  int64_t offset;  // in the block
  int64_t t;       // in the period
  __mmask16 last;  // lanes of the last vector

  static constexpr int vectors = kVectors;
  GRAFT_INLINE __mmask16 lanes(int v) const { return v + 1 < kVectors ? V::kAll : last; }
  GRAFT_INLINE void Load(const float* from, Register (&to)[kVectors]) const {
    GRAFT_UNROLLED for (int v = 0; v < kVectors; ++v) to[v] =
        V::Load(lanes(v), from + t + v * kLanes);
  }
  GRAFT_INLINE void Store(const Register (&from)[kVectors], float* to) const {
    GRAFT_UNROLLED for (int v = 0; v < kVectors; ++v)
        V::Store(to + t + v * kLanes, lanes(v), from[v]);
  }
};

// f(a tile of so many vectors, 1 to kMost).
template <int kMost, typename F>
GRAFT_INLINE void WithVectors(int64_t vectors, const Tile<1>& of, F f) {
  if (vectors == kMost) return f(Tile<kMost>{of.rows, of.step, of.offset, of.t, of.last});
  if constexpr (kMost > 1) WithVectors<kMost - 1>(vectors, of, f);
}

// f(a tile) for all tiles of so many rows of `length` elements.
template <typename F>
GRAFT_INLINE void ForEachTileOfRows(int64_t rows, int64_t length, int64_t step, int64_t offset,
                                    F f) {
  constexpr int64_t kWidest = kNormSumVectors * kLanes;
  for (int64_t t = 0; t < length; t += kWidest) {
    const int64_t left = Smaller(kWidest, length - t);
    const int64_t vectors = (left + kLanes - 1) / kLanes;
    const __mmask16 last = LanesOf(left - (vectors - 1) * kLanes);
    WithVectors<kNormSumVectors>(vectors, {rows, step, offset + t, t, last}, f);
  }
}

// f(a tile) for all tiles of a block. Rows go together where one tile covers them, else some of
// them: what does not fit into a cache is read fastest in order.
template <typename F>
GRAFT_INLINE void ForEachTile(const NormBlock& block, F f) {
  const int64_t period = block.period;
  const int64_t rows = block.size / period;
  const int64_t together = period <= kNormSumVectors * kLanes ? rows : 8;
  for (int64_t row = 0; row < rows; row += together) {
    ForEachTileOfRows(Smaller(together, rows - row), period, period, row * period, f);
  }
  ForEachTileOfRows(1, block.size % period, period, rows * period, f);
}

void SumMoments(const NormBlock& block, const float* mean, const float* x, float* first,
                float* second) {
  ForEachTile(block, [&](auto tile) {
    constexpr int kVectors = decltype(tile)::vectors;
    const float* const means = mean + tile.t;
    const float* from = x + tile.offset;
    Register sums[kVectors], squares[kVectors];
    tile.Load(first, sums);
    tile.Load(second, squares);
    for (int64_t row = 0; row < tile.rows; ++row, from += tile.step) {
      GRAFT_UNROLLED for (int v = 0; v < kVectors; ++v) {
        const __mmask16 lanes = tile.lanes(v);
        const Register centred =
            _mm512_sub_ps(V::Load(lanes, from + v * kLanes), V::Load(lanes, means + v * kLanes));
        sums[v] = _mm512_add_ps(sums[v], centred);
        squares[v] = _mm512_add_ps(squares[v], _mm512_mul_ps(centred, centred));
      }
    }
    tile.Store(sums, first);
    tile.Store(squares, second);
  });
}

void Normalise(const NormBlock& block, const NormCoefficients& coefficients, const float* x,
               float* y) {
  const NormCoefficients by = coefficients;  // a store might change the original
  const Register floor = V::Same(by.floor);
  ForEachVectorOf(
      block, [&](int64_t i, int64_t t, __mmask16 lanes) __attribute__((always_inline)) {
        const Coefficients at(by, t, lanes);
        const Register z = at.Scaled(at.Centred(V::Load(lanes, x + i)));
        V::Store(y + i, lanes, V::Max(floor, z));  // in this order a NaN stays
      });
}

void SumGradients(const NormBlock& block, const NormCoefficients& by, const float* x,
                  const float* dy, float* first, float* second) {
  const Register floor = V::Same(by.floor);
  ForEachTile(block, [&](auto tile) {
    constexpr int kVectors = decltype(tile)::vectors;
    const float* const mean = by.mean + tile.t;
    const float* const factor = by.factor + tile.t;
    const float* const shift = by.shift + tile.t;
    const float* from = x + tile.offset;
    const float* gradient = dy + tile.offset;
    Register sums[kVectors], products[kVectors];
    tile.Load(first, sums);
    tile.Load(second, products);
    for (int64_t row = 0; row < tile.rows; ++row, from += tile.step, gradient += tile.step) {
      GRAFT_UNROLLED for (int v = 0; v < kVectors; ++v) {
        const __mmask16 lanes = tile.lanes(v);
        const int64_t i = v * kLanes;
        const Register centred = _mm512_sub_ps(V::Load(lanes, from + i), V::Load(lanes, mean + i));
        const Register scaled = _mm512_mul_ps(centred, V::Load(lanes, factor + i));
        const Register z = _mm512_add_ps(scaled, V::Load(lanes, shift + i));
        const Register dz = V::Load(IsAbove(z, floor) & lanes, gradient + i);
        sums[v] = _mm512_add_ps(sums[v], dz);
        products[v] = _mm512_add_ps(products[v], _mm512_mul_ps(dz, centred));
      }
    }
    tile.Store(sums, first);
    tile.Store(products, second);
  });
}

template <bool kAdd>
void PropagateBlock(const NormBlock& block, const NormCoefficients& coefficients, const float* x,
                    const float* dy, float* dx) {
  const NormCoefficients by = coefficients;
  const Register floor = V::Same(by.floor);
  ForEachVectorOf(
      block, [&](int64_t i, int64_t t, __mmask16 lanes) __attribute__((always_inline)) {
        const GradientCoefficients at(by, t, lanes);
        const Register centred = at.Centred(V::Load(lanes, x + i));
        const Register dz = V::Load(IsAbove(at.Scaled(centred), floor) & lanes, dy + i);
        Register gradient = at.Gradient(_mm512_mul_ps(at.factor, dz), centred);
        if (kAdd) gradient = _mm512_add_ps(V::Load(lanes, dx + i), gradient);
        V::Store(dx + i, lanes, gradient);
      });
}

void Propagate(const NormBlock& block, const NormCoefficients& by, const float* x, const float* dy,
               bool add, float* dx) {
  (add ? PropagateBlock<true> : PropagateBlock<false>)(block, by, x, dy, dx);
}

// The left and the right pixels of a vector of windows' upper or lower halves.
struct Halves {
  Register left, right;
};

// Of one window: 16 channels or less. Halves are at the left pixel.
struct OneWindow {
  int64_t channels;
  __mmask16 lanes;  // of a half, and of the window's result

  GRAFT_INLINE Halves Load(const float* at) const {
    return {V::Load(lanes, at), V::Load(lanes, at + channels)};
  }
  GRAFT_INLINE void Store(const Halves& halves, float* at) const {
    V::Store(at, lanes, halves.left);
    V::Store(at + channels, lanes, halves.right);
  }
};

// Of several windows of 1, 2, 4 or 8 channels, beside one another.
struct SeveralWindows {
  SeveralWindows(int64_t channels, int64_t elements)
      : lanes(LanesOf(elements)),
        first_lanes(LanesOf(2 * elements)),
        second_lanes(elements > kLanes / 2 ? LanesOf(2 * elements - kLanes)
                                           : static_cast<__mmask16>(0)) {
    alignas(64) int32_t of_left[kLanes], of_right[kLanes], of_pixels[2 * kLanes];
    for (int32_t i = 0; i < kLanes; ++i) {
      const auto width = static_cast<int32_t>(channels);
      of_left[i] = i / width * 2 * width + i % width;
      of_right[i] = of_left[i] + width;
      of_pixels[of_left[i]] = i;
      of_pixels[of_right[i]] = i + kLanes;
    }
    left = _mm512_load_si512(of_left);
    right = _mm512_load_si512(of_right);
    first_pixels = _mm512_load_si512(of_pixels);
    second_pixels = _mm512_load_si512(of_pixels + kLanes);
  }

  GRAFT_INLINE Halves Load(const float* at) const {
    const Register a = V::Load(first_lanes, at);
    const Register b = V::Load(second_lanes, at + kLanes);
    return {_mm512_permutex2var_ps(a, left, b), _mm512_permutex2var_ps(a, right, b)};
  }
  GRAFT_INLINE void Store(const Halves& halves, float* at) const {
    V::Store(at, first_lanes, _mm512_permutex2var_ps(halves.left, first_pixels, halves.right));
    if (second_lanes == 0) return;
    V::Store(at + kLanes, second_lanes,
             _mm512_permutex2var_ps(halves.left, second_pixels, halves.right));
  }

  __mmask16 lanes;                      // of the windows' results
  __mmask16 first_lanes, second_lanes;  // of the two vectors that a half of them takes
  // Which lane of the two vectors a lane of a half is, and of the two halves a lane of a vector.
  __m512i left, right, first_pixels, second_pixels;
};

// `make(t, lanes)` gives what is done to windows at a position of the period:
// body(halves' access, offset in x, offset in y).
template <typename Make>
GRAFT_INLINE void ForEachWindow(const WindowRows& windows, Make make) {
  const int64_t row_results = windows.columns * windows.channels;
  if (windows.channels < kLanes && kLanes % windows.channels == 0) {
    const auto body = make(0, V::kAll);
    const SeveralWindows whole(windows.channels, kLanes);
    const int64_t remaining = row_results % kLanes;
    const SeveralWindows rest(windows.channels, remaining > 0 ? remaining : kLanes);
    for (int64_t row = 0; row < windows.rows; ++row) {
      const int64_t in = 4 * row * row_results;
      const int64_t out = row * row_results;
      int64_t i = 0;
      for (; i + kLanes <= row_results; i += kLanes) body(whole, in + 2 * i, out + i);
      if (remaining > 0) body(rest, in + 2 * i, out + i);
    }
    return;
  }
  for (int64_t window = 0; window < windows.rows * windows.columns; ++window) {
    const int64_t row = window / windows.columns;
    const int64_t out = window * windows.channels;
    const int64_t in = 2 * (out + row * row_results);
    for (int64_t t = 0; t < windows.channels; t += kLanes) {
      const OneWindow access{windows.channels, LanesOf(windows.channels - t)};
      make(t, access.lanes)(access, in + t, out + t);
    }
  }
}

// Where `next` is larger than those before it, of which `largest` is the largest.
GRAFT_INLINE __mmask16 IsLarger(Register largest, Register next) {
  return static_cast<__mmask16>(_mm512_cmp_ps_mask(next, largest, _CMP_GT_OQ) |
                                _mm512_cmp_ps_mask(next, next, _CMP_UNORD_Q));
}

// Vectors of windows: x - mean, and which of the four elements is the largest.
template <typename At, typename Access>
struct Window {
  GRAFT_INLINE Window(const At& at, const Access& access, const float* x, int64_t row_elements) {
    const Halves upper = access.Load(x);
    const Halves lower = access.Load(x + row_elements);
    top = {at.Centred(upper.left), at.Centred(upper.right)};
    bottom = {at.Centred(lower.left), at.Centred(lower.right)};
    const Register first = at.Scaled(top.left);
    const Register second = at.Scaled(top.right);
    const Register third = at.Scaled(bottom.left);
    const Register fourth = at.Scaled(bottom.right);
    beats_first = IsLarger(first, second);
    const Register of_two = _mm512_mask_blend_ps(beats_first, first, second);
    beats_two = IsLarger(of_two, third);
    const Register of_three = _mm512_mask_blend_ps(beats_two, of_two, third);
    beats_three = IsLarger(of_three, fourth);
    largest = _mm512_mask_blend_ps(beats_three, of_three, fourth);
  }

  // x - mean where z is largest.
  GRAFT_INLINE Register CentredLargest() const {
    const Register of_two = _mm512_mask_blend_ps(beats_first, top.left, top.right);
    const Register of_three = _mm512_mask_blend_ps(beats_two, of_two, bottom.left);
    return _mm512_mask_blend_ps(beats_three, of_three, bottom.right);
  }

  Halves top, bottom;  // x - mean
  Register largest;    // z
  __mmask16 beats_first, beats_two, beats_three;
};

void Pool(const WindowRows& windows, const NormCoefficients& by, const float* x, float* y,
          float* kept) {
  const int64_t row_elements = 2 * windows.columns * windows.channels;
  const Register floor = V::Same(by.floor);
  ForEachWindow(
      windows, [&](int64_t t, __mmask16 lanes) __attribute__((always_inline)) {
        const Coefficients at(by, t, lanes);
        return [=](const auto& access, int64_t in, int64_t out) __attribute__((always_inline)) {
          const Window window(at, access, x + in, row_elements);
          V::Store(y + out, access.lanes, V::Max(floor, window.largest));
          V::Store(kept + out, access.lanes, window.CentredLargest());
        };
      });
}

template <bool kAdd>
void PropagateWindows(const WindowRows& windows, const NormCoefficients& by, const float* x,
                      const float* dy, float* dx) {
  const int64_t row_elements = 2 * windows.columns * windows.channels;
  const Register floor = V::Same(by.floor);
  ForEachWindow(
      windows, [&](int64_t t, __mmask16 lanes) __attribute__((always_inline)) {
        const GradientCoefficients at(by, t, lanes);
        return [=](const auto& access, int64_t in, int64_t out) __attribute__((always_inline)) {
          const Window window(at, access, x + in, row_elements);
          const Register scaled_dy = _mm512_mul_ps(at.factor, V::Load(access.lanes, dy + out));
          const __mmask16 passes = IsAbove(window.largest, floor);
          const auto gradient = [&](__mmask16 is_largest, Register centred)
              __attribute__((always_inline)) {
            return at.Gradient(_mm512_maskz_mov_ps(is_largest, scaled_dy), centred);
          };
          const __mmask16 bottom_right = window.beats_three & passes;
          const __mmask16 of_three = static_cast<__mmask16>(~window.beats_three) & passes;
          const __mmask16 bottom_left = window.beats_two & of_three;
          const __mmask16 of_two = static_cast<__mmask16>(~window.beats_two) & of_three;
          const __mmask16 top_right = window.beats_first & of_two;
          const __mmask16 top_left = static_cast<__mmask16>(~window.beats_first) & of_two;
          Halves upper = {gradient(top_left, window.top.left),
                          gradient(top_right, window.top.right)};
          Halves lower = {gradient(bottom_left, window.bottom.left),
                          gradient(bottom_right, window.bottom.right)};
          float* const upper_dx = dx + in;
          float* const lower_dx = upper_dx + row_elements;
          if (kAdd) {
            const Halves before = access.Load(upper_dx);
            const Halves below = access.Load(lower_dx);
            upper = {_mm512_add_ps(before.left, upper.left),
                     _mm512_add_ps(before.right, upper.right)};
            lower = {_mm512_add_ps(below.left, lower.left),
                     _mm512_add_ps(below.right, lower.right)};
          }
          access.Store(upper, upper_dx);
          access.Store(lower, lower_dx);
        };
      });
}

void PropagatePooled(const WindowRows& windows, const NormCoefficients& by, const float* x,
                     const float* dy, bool add, float* dx) {
  (add ? PropagateWindows<true> : PropagateWindows<false>)(windows, by, x, dy, dx);
}

}  // namespace

const NormLoops kAvx512NormLoops = {.sum_moments = SumMoments,
                                    .normalise = Normalise,
                                    .sum_gradients = SumGradients,
                                    .propagate = Propagate,
                                    .pool = Pool,
                                    .propagate_pooled = PropagatePooled};

}  // namespace graft::engine::cpu

#else  // another processor than x86-64

namespace graft::engine::cpu {

const NormLoops kAvx512NormLoops = {};

}  // namespace graft::engine::cpu

#endif
