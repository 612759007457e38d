// layer_norm, rms_norm and group_norm: parts of an example are normalised by themselves. A part is
// a block of memory: rows of consecutive channels.
#include <cmath>

#include "common/engine/cpu/kernel.h"
#include "common/engine/cpu/rows.h"
#include "common/engine/cpu/simd.h"

namespace graft::engine::cpu {
namespace {

enum { kX, kScale, kShift };

// Rows whose gradients of scale and shift are summed in float32 before they go into float64.
constexpr std::int64_t kRowsPerBlock = 64;

GRAFT_SIMD float Sum(const float* x, std::int64_t size) {
  return SumInLanes(size, [x](std::int64_t i) { return x[i]; });
}

// Sum of (x - mean)^2
GRAFT_SIMD float SumOfSquares(const float* x, std::int64_t size, float mean) {
  return SumInLanes(size, [x, mean](std::int64_t i) { return (x[i] - mean) * (x[i] - mean); });
}

// y = scale (x - mean) inverse + shift; without shift if it is null
GRAFT_SIMD void Normalise(const float* __restrict x, std::int64_t size, float mean, float inverse,
                          const float* __restrict scale, const float* __restrict shift,
                          float* __restrict y) {
  if (shift == nullptr) {
    for (std::int64_t i = 0; i < size; ++i) y[i] = scale[i] * ((x[i] - mean) * inverse);
  } else {
    for (std::int64_t i = 0; i < size; ++i) y[i] = scale[i] * ((x[i] - mean) * inverse) + shift[i];
  }
}

// Sums of dz = scale dy and of dz z, with z the normalised x.
struct Sums {
  double gradient = 0;
  double product = 0;
};

GRAFT_SIMD Sums SumGradients(const float* x, const float* dy, std::int64_t size, float mean,
                             float inverse, const float* scale) {
  const float gradient = SumInLanes(size, [=](std::int64_t i) { return scale[i] * dy[i]; });
  const float product = SumInLanes(
      size, [=](std::int64_t i) { return scale[i] * dy[i] * ((x[i] - mean) * inverse); });
  return {gradient, product};
}

// scale_sum += dy z, shift_sum += dy
GRAFT_SIMD void SumByChannel(const float* __restrict x, const float* __restrict dy,
                             std::int64_t size, float mean, float inverse,
                             float* __restrict scale_sum, float* __restrict shift_sum) {
  for (std::int64_t i = 0; i < size; ++i) {
    scale_sum[i] += dy[i] * ((x[i] - mean) * inverse);
    shift_sum[i] += dy[i];
  }
}

// dx = inverse (scale dy - constant - z slope), added to dx if `add`
GRAFT_SIMD void PropagateGradient(const float* __restrict x, const float* __restrict dy,
                                  std::int64_t size, float mean, float inverse,
                                  const float* __restrict scale, float constant, float slope,
                                  bool add, float* __restrict dx) {
  for (std::int64_t i = 0; i < size; ++i) {
    const float z = (x[i] - mean) * inverse;
    const float value = inverse * (scale[i] * dy[i] - constant - z * slope);
    dx[i] = add ? dx[i] + value : value;
  }
}

class FeatureNorm final : public Kernel {
 public:
  explicit FeatureNorm(KernelContext& context)
      : node_(context.node),
        y_(context.result),
        centred_(context.node.op->name != "rms_norm"),
        channels_(context.extent(y_).channels),
        groups_(context.node.op->name == "group_norm"
                    ? arch::GetInt(context.node.attributes, "groups")
                    : 1),
        // A group is normalised over all positions, a row by itself.
        part_rows_(context.node.op->name == "group_norm" ? context.extent(y_).plane() : 1),
        parts_(context.extent(y_).plane() / part_rows_ * groups_),
        epsilon_(arch::GetDouble(context.node.attributes, "epsilon")),
        uses_(context.gradient_uses),
        moments_(context.Keep(context.options.batch * parts_ *
                              static_cast<std::int64_t>(sizeof(Moments)))),
        scale_sum_(channels_),
        shift_sum_(channels_),
        scale_total_(channels_),
        shift_total_(channels_) {}

  absl::Status Forward(const Run& run) override {
    auto* moments = run.buffer<Moments>(moments_);
    const float* const scale = run.value(node_.operands[kScale]);
    const float* const shift = centred_ ? run.value(node_.operands[kShift]) : nullptr;
    ForEachPart(run, [&](std::int64_t first, std::int64_t channel) {
      const float* const x = run.value(node_.operands[kX]) + first;
      *moments = Measure(x);
      for (std::int64_t row = 0; row < part_rows_; ++row) {
        Normalise(x + row * channels_, Width(), moments->mean, moments->inverse, scale + channel,
                  centred_ ? shift + channel : nullptr,
                  run.mutable_value(y_) + first + row * channels_);
      }
      ++moments;
    });
    return absl::OkStatus();
  }

  // dx = inverse (dz - mean(dz) - z mean(dz z)); the second term where the mean is taken off.
  absl::Status Backward(const Run& run) override {
    const auto* moments = run.buffer<Moments>(moments_);
    StartSums();
    ForEachPart(run, [&](std::int64_t first, std::int64_t channel) {
      SumPart(run, first, channel, *moments);
      if (uses_[kX] != GradientUse::kNone) PropagatePart(run, first, channel, *moments);
      ++moments;
    });
    FlushSums();
    PassSums(run, kScale, scale_total_);
    if (centred_) PassSums(run, kShift, shift_total_);
    return absl::OkStatus();
  }

 private:
  struct Moments {
    float mean;
    float inverse;  // 1 / sqrt(variance + epsilon)
  };

  std::int64_t Width() const { return channels_ / groups_; }

  // Calls f(first, channel) for each part: the positions of its first element in the batch and
  // among the channels.
  template <typename F>
  void ForEachPart(const Run& run, F f) const {
    for (std::int64_t block = 0; block < run.count * parts_ / groups_; ++block) {
      for (std::int64_t group = 0; group < groups_; ++group) {
        f(block * part_rows_ * channels_ + group * Width(), group * Width());
      }
    }
  }

  Moments Measure(const float* x) const {
    const auto count = static_cast<double>(part_rows_ * Width());
    double sum = 0;
    if (centred_) {
      for (std::int64_t row = 0; row < part_rows_; ++row) sum += Sum(x + row * channels_, Width());
    }
    const auto mean = static_cast<float>(sum / count);
    double squares = 0;
    for (std::int64_t row = 0; row < part_rows_; ++row) {
      squares += SumOfSquares(x + row * channels_, Width(), mean);
    }
    return {mean, static_cast<float>(1.0 / std::sqrt(squares / count + epsilon_))};
  }

  void SumPart(const Run& run, std::int64_t first, std::int64_t channel, const Moments& moments) {
    const float* x = run.value(node_.operands[kX]) + first;
    const float* dy = run.gradient(y_) + first;
    for (std::int64_t row = 0; row < part_rows_; ++row, x += channels_, dy += channels_) {
      SumByChannel(x, dy, Width(), moments.mean, moments.inverse, &scale_sum_[channel],
                   &shift_sum_[channel]);
      if (++rows_in_block_ >= kRowsPerBlock * groups_) FlushSums();
    }
  }

  void PropagatePart(const Run& run, std::int64_t first, std::int64_t channel,
                     const Moments& moments) const {
    const float* const x = run.value(node_.operands[kX]) + first;
    const float* const dy = run.gradient(y_) + first;
    const float* const scale = run.value(node_.operands[kScale]) + channel;
    Sums sums;
    for (std::int64_t row = 0; row < part_rows_; ++row) {
      const Sums of_row = SumGradients(x + row * channels_, dy + row * channels_, Width(),
                                       moments.mean, moments.inverse, scale);
      sums.gradient += of_row.gradient;
      sums.product += of_row.product;
    }
    const auto count = static_cast<double>(part_rows_ * Width());
    const auto constant = static_cast<float>(centred_ ? sums.gradient / count : 0.0);
    const auto slope = static_cast<float>(sums.product / count);
    float* const dx = run.gradient(node_.operands[kX]) + first;
    for (std::int64_t row = 0; row < part_rows_; ++row) {
      PropagateGradient(x + row * channels_, dy + row * channels_, Width(), moments.mean,
                        moments.inverse, scale, constant, slope, uses_[kX] == GradientUse::kAdd,
                        dx + row * channels_);
    }
  }

  void StartSums() {
    std::ranges::fill(scale_total_, 0.0);
    std::ranges::fill(shift_total_, 0.0);
    std::ranges::fill(scale_sum_, 0.0F);
    std::ranges::fill(shift_sum_, 0.0F);
    rows_in_block_ = 0;
  }

  void FlushSums() {
    for (std::int64_t c = 0; c < channels_; ++c) {
      scale_total_[c] += scale_sum_[c];
      shift_total_[c] += shift_sum_[c];
    }
    std::ranges::fill(scale_sum_, 0.0F);
    std::ranges::fill(shift_sum_, 0.0F);
    rows_in_block_ = 0;
  }

  void PassSums(const Run& run, int operand, const std::vector<double>& totals) const {
    if (uses_[operand] == GradientUse::kNone) return;
    float* const gradient = run.gradient(node_.operands[operand]);
    const bool add = uses_[operand] == GradientUse::kAdd;
    for (std::int64_t c = 0; c < channels_; ++c) {
      const auto total = static_cast<float>(totals[c]);
      gradient[c] = add ? gradient[c] + total : total;
    }
  }

  const arch::Node& node_;
  const arch::NodeIndex y_;
  const bool centred_;
  const std::int64_t channels_;
  const std::int64_t groups_;
  const std::int64_t part_rows_;
  const std::int64_t parts_;  // of an example
  const double epsilon_;
  const std::vector<GradientUse> uses_;
  const BufferId moments_;
  // By channel: of the rows since the last flush, and of all before.
  std::vector<float> scale_sum_, shift_sum_;
  std::vector<double> scale_total_, shift_total_;
  std::int64_t rows_in_block_ = 0;
};

}  // namespace

std::unique_ptr<Kernel> MakeFeatureNorm(KernelContext& context) {
  return std::make_unique<FeatureNorm>(context);
}

}  // namespace graft::engine::cpu
