// Batch norm over rows of channels, with the ReLU behind it. Coefficients are repeated to a period
// of at least 64 elements, so that the loops run over flat memory whatever the number of channels.
#include <cmath>
#include <limits>

#include "common/engine/cpu/kernel.h"
#include "common/engine/cpu/loops.h"
#include "common/engine/cpu/simd.h"
#include "common/engine/graph_checks.h"

namespace graft::engine::cpu {
namespace {

enum { kX, kScale, kShift, kMean, kVariance };

constexpr std::int64_t kMinimumPeriod = 64;
// Periods that are summed in float32 before they go into float64.
constexpr std::int64_t kPeriodsPerBlock = 32;

// sum[t] += x - shift[t], square[t] += (x - shift[t])^2
GRAFT_SIMD void SumMoments(const float* __restrict x, std::int64_t size, std::int64_t period,
                           const float* __restrict shift, float* __restrict sum,
                           float* __restrict square) {
  for (std::int64_t start = 0; start < size; start += period) {
    const std::int64_t length = std::min(period, size - start);
    for (std::int64_t t = 0; t < length; ++t) {
      const float centred = x[start + t] - shift[t];
      sum[t] += centred;
      square[t] += centred * centred;
    }
  }
}

// y = max((x - mean) factor + shift, floor)
GRAFT_SIMD void Normalise(const float* __restrict x, std::int64_t size, std::int64_t period,
                          const float* __restrict mean, const float* __restrict factor,
                          const float* __restrict shift, float floor, float* __restrict y) {
  for (std::int64_t start = 0; start < size; start += period) {
    const std::int64_t length = std::min(period, size - start);
    for (std::int64_t t = 0; t < length; ++t) {
      const float value = (x[start + t] - mean[t]) * factor[t] + shift[t];
      y[start + t] = value < floor ? floor : value;
    }
  }
}

// With dz = dy where y > floor, else 0: sum[t] += dz, product[t] += dz (x - mean[t])
GRAFT_SIMD void SumGradients(const float* __restrict x, const float* __restrict y,
                             const float* __restrict dy, std::int64_t size, std::int64_t period,
                             const float* __restrict mean, float floor, float* __restrict sum,
                             float* __restrict product) {
  for (std::int64_t start = 0; start < size; start += period) {
    const std::int64_t length = std::min(period, size - start);
    for (std::int64_t t = 0; t < length; ++t) {
      const float dz = y[start + t] > floor ? dy[start + t] : 0.0F;
      sum[t] += dz;
      product[t] += dz * (x[start + t] - mean[t]);
    }
  }
}

// dx = factor dz - slope (x - mean) - constant
GRAFT_SIMD void PropagateGradient(const float* __restrict x, const float* __restrict y,
                                  const float* __restrict dy, std::int64_t size,
                                  std::int64_t period, const float* __restrict mean,
                                  const float* __restrict factor, const float* __restrict slope,
                                  const float* __restrict constant, float floor,
                                  float* __restrict dx) {
  for (std::int64_t start = 0; start < size; start += period) {
    const std::int64_t length = std::min(period, size - start);
    for (std::int64_t t = 0; t < length; ++t) {
      const float dz = y[start + t] > floor ? dy[start + t] : 0.0F;
      dx[start + t] = factor[t] * dz - slope[t] * (x[start + t] - mean[t]) - constant[t];
    }
  }
}

class BatchNorm final : public Kernel {
 public:
  explicit BatchNorm(KernelContext& context)
      : node_(context.node),
        y_(context.result),
        extent_(context.extent(context.index)),
        channels_(extent_.channels),
        period_(channels_ * ((kMinimumPeriod + channels_ - 1) / channels_)),
        epsilon_(arch::GetDouble(context.node.attributes, "epsilon")),
        momentum_(arch::GetDouble(context.node.attributes, "momentum")),
        frozen_statistics_(HasFrozenStatistics(context.node, context.options)),
        floor_(context.fused_relu() ? 0.0F : -std::numeric_limits<float>::infinity()),
        uses_(context.gradient_uses),
        mean_(period_),
        factor_(period_),
        shift_(period_),
        slope_(period_),
        constant_(period_),
        sum_(period_),
        square_(period_),
        channel_mean_(channels_),
        channel_variance_(channels_),
        sums_(channels_),
        squares_(channels_) {
    if (uses_[kX] == GradientUse::kAdd) {
      context.NeedScratch(context.options.batch * extent_.elements() *
                          static_cast<std::int64_t>(sizeof(float)));
    }
  }

  absl::Status Forward(const Run& run) override {
    if (run.mode == Mode::kTraining && !frozen_statistics_) {
      MeasureBatch(run);
      UpdateStatistics(run);
    } else {
      const float* const mean = run.value(node_.operands[kMean]);
      const float* const variance = run.value(node_.operands[kVariance]);
      for (std::int64_t c = 0; c < channels_; ++c) {
        channel_mean_[c] = mean[c];
        channel_variance_[c] = variance[c];
      }
    }
    const float* const scale = run.value(node_.operands[kScale]);
    const float* const shift = run.value(node_.operands[kShift]);
    for (std::int64_t c = 0; c < channels_; ++c) {
      Repeat(c, channel_mean_[c], mean_);
      Repeat(c, scale[c] * InverseDeviation(c), factor_);
      Repeat(c, shift[c], shift_);
    }
    Normalise(run.value(node_.operands[kX]), Size(run), period_, mean_.data(), factor_.data(),
              shift_.data(), floor_, run.mutable_value(y_));
    return absl::OkStatus();
  }

  // With z the normalised x and M elements a channel:
  // dx = factor (dz - sum(dz) / M - z sum(dz z) / M), or factor dz by frozen statistics.
  absl::Status Backward(const Run& run) override {
    const float* const x = run.value(node_.operands[kX]);
    const float* const y = run.value(y_);
    const float* const dy = run.gradient(y_);
    SumInBlocks(Size(run), [&](std::int64_t start, std::int64_t size) {
      SumGradients(x + start, y + start, dy + start, size, period_, mean_.data(), floor_,
                   sum_.data(), square_.data());
    });
    PassChannelGradients(run);
    if (uses_[kX] == GradientUse::kNone) return absl::OkStatus();
    PrepareCoefficients(run);
    float* const dx =
        uses_[kX] == GradientUse::kAdd ? run.scratch : run.gradient(node_.operands[kX]);
    PropagateGradient(x, y, dy, Size(run), period_, mean_.data(), factor_.data(), slope_.data(),
                      constant_.data(), floor_, dx);
    if (uses_[kX] == GradientUse::kAdd) {
      Accumulate(dx, Size(run), run.gradient(node_.operands[kX]));
    }
    return absl::OkStatus();
  }

 private:
  std::int64_t Size(const Run& run) const { return run.count * extent_.elements(); }
  double ElementsPerChannel(const Run& run) const {
    return static_cast<double>(run.count * extent_.plane());
  }
  double InverseDeviation(std::int64_t c) const {
    return 1.0 / std::sqrt(channel_variance_[c] + epsilon_);
  }

  void Repeat(std::int64_t c, double value, std::vector<float>& coefficients) const {
    for (std::int64_t t = c; t < period_; t += channels_) {
      coefficients[t] = static_cast<float>(value);
    }
  }

  // Calls sum_block(start, size), which adds into sum_ and square_, block by block; the totals by
  // channel are then in sums_ and squares_.
  template <typename F>
  void SumInBlocks(std::int64_t size, F sum_block) {
    std::ranges::fill(sums_, 0.0);
    std::ranges::fill(squares_, 0.0);
    const std::int64_t block = period_ * kPeriodsPerBlock;
    for (std::int64_t start = 0; start < size; start += block) {
      std::ranges::fill(sum_, 0.0F);
      std::ranges::fill(square_, 0.0F);
      sum_block(start, std::min(block, size - start));
      for (std::int64_t t = 0, c = 0; t < period_; ++t) {
        sums_[c] += sum_[t];
        squares_[c] += square_[t];
        if (++c == channels_) c = 0;
      }
    }
  }

  // Sums of x about the mean of the first example, near enough to the mean that the variance does
  // not cancel.
  void MeasureBatch(const Run& run) {
    const float* const x = run.value(node_.operands[kX]);
    std::ranges::fill(shift_, 0.0F);
    SumMomentsInBlocks(x, extent_.elements());
    for (std::int64_t c = 0; c < channels_; ++c) {
      Repeat(c, sums_[c] / static_cast<double>(extent_.plane()), shift_);
    }
    SumMomentsInBlocks(x, Size(run));
    const double count = ElementsPerChannel(run);
    for (std::int64_t c = 0; c < channels_; ++c) {
      const double offset = sums_[c] / count;
      channel_mean_[c] = shift_[c] + offset;
      channel_variance_[c] = std::max(0.0, squares_[c] / count - offset * offset);
    }
  }

  void SumMomentsInBlocks(const float* x, std::int64_t size) {
    SumInBlocks(size, [&](std::int64_t start, std::int64_t block) {
      SumMoments(x + start, block, period_, shift_.data(), sum_.data(), square_.data());
    });
  }

  void UpdateStatistics(const Run& run) const {
    float* const mean = run.mutable_value(node_.operands[kMean]);
    float* const variance = run.mutable_value(node_.operands[kVariance]);
    const double count = ElementsPerChannel(run);
    for (std::int64_t c = 0; c < channels_; ++c) {
      const double unbiased = channel_variance_[c] * count / (count - 1);
      mean[c] = static_cast<float>(mean[c] + momentum_ * (channel_mean_[c] - mean[c]));
      variance[c] = static_cast<float>(variance[c] + momentum_ * (unbiased - variance[c]));
    }
  }

  // squares_ holds sum(dz (x - mean)).
  void PassChannelGradients(const Run& run) const {
    for (std::int64_t c = 0; c < channels_; ++c) {
      PassOne(run, kScale, c, squares_[c] * InverseDeviation(c));
      PassOne(run, kShift, c, sums_[c]);
      // What else statistics are computed from does not learn.
      PassOne(run, kMean, c, 0.0);
      PassOne(run, kVariance, c, 0.0);
    }
  }

  void PassOne(const Run& run, int operand, std::int64_t c, double value) const {
    if (uses_[operand] == GradientUse::kNone) return;
    const auto gradient = static_cast<float>(value);
    PassGradient(uses_[operand], &gradient, 1, run.gradient(node_.operands[operand]) + c);
  }

  void PrepareCoefficients(const Run& run) {
    if (frozen_statistics_) return;  // slope_ and constant_ stay 0
    const double count = ElementsPerChannel(run);
    const float* const scale = run.value(node_.operands[kScale]);
    for (std::int64_t c = 0; c < channels_; ++c) {
      const double inverse = InverseDeviation(c);
      const double factor = scale[c] * inverse;
      Repeat(c, factor * inverse * inverse * squares_[c] / count, slope_);
      Repeat(c, factor * sums_[c] / count, constant_);
    }
  }

  const arch::Node& node_;
  const arch::NodeIndex y_;
  const Extent extent_;
  const std::int64_t channels_;
  const std::int64_t period_;
  const double epsilon_;
  const double momentum_;
  const bool frozen_statistics_;
  const float floor_;
  const std::vector<GradientUse> uses_;
  // By position in the period; mean_ and factor_ stay from forward to backward.
  std::vector<float> mean_, factor_, shift_, slope_, constant_, sum_, square_;
  // By channel; the moments stay from forward to backward.
  std::vector<double> channel_mean_, channel_variance_, sums_, squares_;
};

}  // namespace

std::unique_ptr<Kernel> MakeBatchNorm(KernelContext& context) {
  return std::make_unique<BatchNorm>(context);
}

}  // namespace graft::engine::cpu
