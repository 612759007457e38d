// The loops of batch norm, channels-last. Internal to engine/cpu.
//
// Included by files that are compiled for AVX-512: has no inline functions.
#ifndef GRAFT_COMMON_ENGINE_CPU_NORM_LOOPS_H_
#define GRAFT_COMMON_ENGINE_CPU_NORM_LOOPS_H_

#include <cstdint>

namespace graft::engine::cpu {

// Elements after which coefficients by channel repeat, so that loops run over flat memory whatever
// the number of channels: a multiple of the channels, and of 16, of at least 64.
std::int64_t NormPeriod(std::int64_t channels);

// Elements after which sums by position repeat: of the multiples of the channels whose sums fit
// into so many vectors of 16 the one that fills its vectors best, else the channels.
inline constexpr int kNormSumVectors = 12;
std::int64_t NormSumPeriod(std::int64_t channels);

// By position in the period.
struct NormCoefficients {
  const float* mean;    // in sums of moments: what x is centred by
  const float* factor;  // scale / deviation
  const float* shift;
  const float* slope;     // of x - mean in the gradient
  const float* constant;  // in the gradient
  float floor;            // 0 with a ReLU, else minus infinity
};

// Elements that lie behind one another, the first at position 0 of the period: NormPeriod, or in
// sums NormSumPeriod.
struct NormBlock {
  std::int64_t size;
  std::int64_t period;
};

// Windows of 2x2 pixels that cover planes: rows of them one under another, also of several
// examples.
struct WindowRows {
  std::int64_t rows;
  std::int64_t columns;  // windows in a row
  std::int64_t channels;
};

// With z = (x - mean) factor + shift; dz is the gradient of z, and t an element's position in the
// period; x, y and their gradients are [..., channels]. Each loop has the same bits on every
// processor, but for the payload of a NaN, and keeps nothing between calls.
struct NormLoops {
  // first[t] += x - mean, second[t] += (x - mean)^2
  void (*sum_moments)(const NormBlock& block, const float* mean, const float* x, float* first,
                      float* second);

  // y = max(z, floor), so that dz = dy where z > floor, else 0.
  void (*normalise)(const NormBlock& block, const NormCoefficients& by, const float* x, float* y);
  // first[t] += dz, second[t] += dz (x - mean)
  void (*sum_gradients)(const NormBlock& block, const NormCoefficients& by, const float* x,
                        const float* dy, float* first, float* second);
  // dx = factor dz - slope (x - mean) - constant, or adds that to dx. May lie where x does.
  void (*propagate)(const NormBlock& block, const NormCoefficients& by, const float* x,
                    const float* dy, bool add, float* dx);

  // y = the largest z of each window, at least the floor; kept = x - mean of that. Of equal
  // elements the first one counts, of NaNs, which are larger than anything, the last.
  void (*pool)(const WindowRows& windows, const NormCoefficients& by, const float* x, float* y,
               float* kept);
  // As `propagate` from the gradients of pool's y.
  void (*propagate_pooled)(const WindowRows& windows, const NormCoefficients& by, const float* x,
                           const float* dy, bool add, float* dx);
};

extern const NormLoops kPortableNormLoops;
extern const NormLoops kAvx512NormLoops;  // to be called with AVX-512 alone

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_NORM_LOOPS_H_
