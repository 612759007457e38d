// Batch norm, ReLU and max pooling over windows of 2x2 in one. Forward reads x and writes a quarter
// of it, twice: the results, and x - mean where they are from, which sums of gradients take.
// Backward finds again where the largest elements are.
#include "common/engine/cpu/batch_norm.h"
#include "common/engine/cpu/simd.h"

namespace graft::engine::cpu {
namespace {

// Rows of windows one under another, also of several examples.
struct WindowRows {
  std::int64_t rows;     // of windows
  std::int64_t columns;  // windows in a row
  std::int64_t channels;

  // Elements of a row of x.
  std::int64_t row_elements() const { return 2 * columns * channels; }
};

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
GRAFT_INLINE void NormaliseAndPool(const WindowRows& windows, const NormCoefficients& by,
                                   const float* __restrict x, float* __restrict y,
                                   float* __restrict kept) {
  const float* __restrict mean = by.mean;
  const float* __restrict factor = by.factor;
  const float* __restrict shift = by.shift;
  const float floor = by.floor;
  const std::int64_t channels = windows.channels;
  for (std::int64_t i = 0; i < windows.rows; ++i, x += windows.row_elements()) {
    for (std::int64_t j = 0; j < windows.columns;
         ++j, x += 2 * channels, y += channels, kept += channels) {
      const float* __restrict bottom = x + windows.row_elements();
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
  const std::int64_t row = windows.row_elements();
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

GRAFT_INLINE void PropagateWindows(const WindowRows& windows, const NormCoefficients& by,
                                   const float* x, const float* dy, bool add, float* dx) {
  if (add) {
    PropagateWindows<true>(windows, by, x, dy, dx);
  } else {
    PropagateWindows<false>(windows, by, x, dy, dx);
  }
}

// Of few channels and of many.

GRAFT_SIMD_SHORT void NormaliseFew(const WindowRows& windows, const NormCoefficients& by,
                                   const float* x, float* y, float* kept) {
  NormaliseAndPool(windows, by, x, y, kept);
}

GRAFT_SIMD void NormaliseMany(const WindowRows& windows, const NormCoefficients& by, const float* x,
                              float* y, float* kept) {
  NormaliseAndPool(windows, by, x, y, kept);
}

GRAFT_SIMD_SHORT void PropagateFew(const WindowRows& windows, const NormCoefficients& by,
                                   const float* x, const float* dy, bool add, float* dx) {
  PropagateWindows(windows, by, x, dy, add, dx);
}

GRAFT_SIMD void PropagateMany(const WindowRows& windows, const NormCoefficients& by, const float* x,
                              const float* dy, bool add, float* dx) {
  PropagateWindows(windows, by, x, dy, add, dx);
}

class PooledBatchNorm final : public BatchNorm {
 public:
  explicit PooledBatchNorm(KernelContext& context)
      : BatchNorm(context, context.extent(context.result).elements()),
        kept_(context.Keep(context.elements(context.result) *
                           static_cast<std::int64_t>(sizeof(float)))),
        zeros_(period()) {}

 protected:
  void Normalise(const Run& run, const Examples& part) const override {
    (few() ? NormaliseFew : NormaliseMany)(RowsOf(part), coefficients(), x(run, part), y(run, part),
                                           kept(run, part));
  }

  void SumGradients(const Run& run, const Examples& part, NormSums& sums) const override {
    NormCoefficients of_kept = coefficients();
    of_kept.mean = zeros_.data();
    SumFlatGradients(of_kept, kept(run, part), dy(run, part), part.count * result_elements(), sums);
  }

  void Propagate(const Run& run, const Examples& part, bool add) const override {
    (few() ? PropagateFew : PropagateMany)(RowsOf(part), coefficients(), x(run, part),
                                           dy(run, part), add, dx(run, part));
  }

 private:
  bool few() const { return extent().channels < 16; }
  WindowRows RowsOf(const Examples& part) const {
    return {part.count * extent().height / 2, extent().width / 2, extent().channels};
  }
  float* kept(const Run& run, const Examples& part) const {
    return run.buffer<float>(kept_) + part.first * result_elements();
  }

  const BufferId kept_;
  const std::vector<float> zeros_;
};

}  // namespace

std::unique_ptr<Kernel> MakePooledBatchNorm(KernelContext& context) {
  return std::make_unique<PooledBatchNorm>(context);
}

}  // namespace graft::engine::cpu
