// Batch norm over rows of channels, with the ReLU behind it. Coefficients are repeated to a period
// of at least 64 elements, so that the loops run over flat memory whatever the number of channels.
// The backward does not read the result: it finds again which elements the ReLU let through.
#include <cmath>
#include <limits>
#include <vector>

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
// Parts of a batch, which threads share; as many whatever the number of threads, so that sums have
// one order.
constexpr std::int64_t kSlices = 16;

// Coefficients by position in the period.
struct Coefficients {
  const float* mean;    // in sums of moments: what x is centred by
  const float* factor;  // scale / deviation
  const float* shift;
  const float* slope;     // of x - mean in the gradient
  const float* constant;  // in the gradient
  float floor;            // 0 with a ReLU, else minus infinity
};

// Elements that lie behind one another, the first at position 0 of the period.
struct Block {
  std::int64_t size;
  std::int64_t period;
};

// first[t] += x - mean, second[t] += (x - mean)^2
GRAFT_SIMD void SumMoments(const Block& block, const Coefficients& by, const float* __restrict x,
                           float* __restrict first, float* __restrict second) {
  const float* __restrict mean = by.mean;
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
GRAFT_SIMD void SumGradients(const Block& block, const Coefficients& by, const float* __restrict x,
                             const float* __restrict dy, float* __restrict first,
                             float* __restrict second) {
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
GRAFT_SIMD void Normalise(const Block& block, const Coefficients& by, const float* __restrict x,
                          float* __restrict y) {
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
GRAFT_SIMD void PropagateGradient(const Block& block, const Coefficients& by,
                                  const float* __restrict x, const float* __restrict dy,
                                  float* __restrict dx) {
  const float* __restrict mean = by.mean;
  const float* __restrict factor = by.factor;
  const float* __restrict shift = by.shift;
  const float* __restrict slope = by.slope;
  const float* __restrict constant = by.constant;
  const float floor = by.floor;
  for (std::int64_t start = 0; start < block.size; start += block.period) {
    const std::int64_t length = std::min(block.period, block.size - start);
    for (std::int64_t t = 0; t < length; ++t) {
      const float centred = x[start + t] - mean[t];
      const bool passes = centred * factor[t] + shift[t] > floor;
      const float dz = passes ? dy[start + t] : 0.0F;
      dx[start + t] = factor[t] * dz - slope[t] * centred - constant[t];
    }
  }
}

// Partial sums of one slice.
struct SliceSums {
  std::vector<float> first, second;               // by position, of one block
  std::vector<double> first_total, second_total;  // by channel
};

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
        slices_(kSlices, {std::vector<float>(period_), std::vector<float>(period_),
                          std::vector<double>(channels_), std::vector<double>(channels_)}),
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
    const float* const x = run.value(node_.operands[kX]);
    float* const y = run.mutable_value(y_);
    ForEachSlice(run.count, [&](int, std::int64_t start, std::int64_t size) {
      Normalise({size, period_}, ByPosition(), x + start, y + start);
    });
    return absl::OkStatus();
  }

  // With z the normalised x and M elements a channel:
  // dx = factor (dz - sum(dz) / M - z sum(dz z) / M), or factor dz by frozen statistics.
  absl::Status Backward(const Run& run) override {
    const float* const x = run.value(node_.operands[kX]);
    const float* const dy = run.gradient(y_);
    SumSlices(run.count, [&](std::int64_t start, const Block& block, SliceSums& slice) {
      SumGradients(block, ByPosition(), x + start, dy + start, slice.first.data(),
                   slice.second.data());
    });
    PassChannelGradients(run);
    if (uses_[kX] == GradientUse::kNone) return absl::OkStatus();
    PrepareCoefficients(run);
    float* const dx =
        uses_[kX] == GradientUse::kAdd ? run.scratch : run.gradient(node_.operands[kX]);
    ForEachSlice(run.count, [&](int, std::int64_t start, std::int64_t size) {
      PropagateGradient({size, period_}, ByPosition(), x + start, dy + start, dx + start);
    });
    if (uses_[kX] == GradientUse::kAdd) {
      Accumulate(dx, run.count * extent_.elements(), run.gradient(node_.operands[kX]));
    }
    return absl::OkStatus();
  }

 private:
  double ElementsPerChannel(const Run& run) const {
    return static_cast<double>(run.count * extent_.plane());
  }
  double InverseDeviation(std::int64_t c) const {
    return 1.0 / std::sqrt(channel_variance_[c] + epsilon_);
  }
  Coefficients ByPosition() const {
    return {mean_.data(), factor_.data(), shift_.data(), slope_.data(), constant_.data(), floor_};
  }

  void Repeat(std::int64_t c, double value, std::vector<float>& coefficients) const {
    for (std::int64_t t = c; t < period_; t += channels_) {
      coefficients[t] = static_cast<float>(value);
    }
  }

  // Calls visit(slice, first element, elements) for the slices of so many examples, by all threads.
  template <typename Visit>
  void ForEachSlice(std::int64_t count, const Visit& visit) const {
#pragma omp parallel for schedule(static)
    for (int slice = 0; slice < kSlices; ++slice) {
      const std::int64_t first = count * slice / kSlices;
      const std::int64_t last = count * (slice + 1) / kSlices;
      if (first == last) continue;
      visit(slice, first * extent_.elements(), (last - first) * extent_.elements());
    }
  }

  // Calls sum_block(first element, block, slice), which adds to the slice's sums by position, for
  // the blocks of all slices; the totals by channel are then in sums_ and squares_.
  template <typename SumBlock>
  void SumSlices(std::int64_t count, const SumBlock& sum_block) {
    for (SliceSums& slice : slices_) {
      std::ranges::fill(slice.first_total, 0.0);
      std::ranges::fill(slice.second_total, 0.0);
    }
    ForEachSlice(count, [&](int index, std::int64_t start, std::int64_t size) {
      SliceSums& slice = slices_[index];
      const std::int64_t step = period_ * kPeriodsPerBlock;
      for (std::int64_t done = 0; done < size; done += step) {
        std::ranges::fill(slice.first, 0.0F);
        std::ranges::fill(slice.second, 0.0F);
        sum_block(start + done, Block{std::min(step, size - done), period_}, slice);
        AddToTotals(slice);
      }
    });
    std::ranges::fill(sums_, 0.0);
    std::ranges::fill(squares_, 0.0);
    for (const SliceSums& slice : slices_) {
      for (std::int64_t c = 0; c < channels_; ++c) {
        sums_[c] += slice.first_total[c];
        squares_[c] += slice.second_total[c];
      }
    }
  }

  void AddToTotals(SliceSums& slice) const {
    for (std::int64_t start = 0; start < period_; start += channels_) {
      for (std::int64_t c = 0; c < channels_; ++c) {
        slice.first_total[c] += slice.first[start + c];
        slice.second_total[c] += slice.second[start + c];
      }
    }
  }

  // Sums of x about the mean of the first example, near enough to the mean that the variance does
  // not cancel.
  void MeasureBatch(const Run& run) {
    const float* const x = run.value(node_.operands[kX]);
    const auto sum = [&](std::int64_t start, const Block& block, SliceSums& slice) {
      SumMoments(block, ByPosition(), x + start, slice.first.data(), slice.second.data());
    };
    std::ranges::fill(mean_, 0.0F);
    SumSlices(1, sum);
    for (std::int64_t c = 0; c < channels_; ++c) {
      Repeat(c, sums_[c] / static_cast<double>(extent_.plane()), mean_);
    }
    SumSlices(run.count, sum);
    const double count = ElementsPerChannel(run);
    for (std::int64_t c = 0; c < channels_; ++c) {
      const double offset = sums_[c] / count;
      channel_mean_[c] = mean_[c] + offset;
      channel_variance_[c] = std::max(0.0, squares_[c] / count - offset * offset);
    }
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
  // By position in the period; the first three stay from forward to backward.
  std::vector<float> mean_, factor_, shift_, slope_, constant_;
  std::vector<SliceSums> slices_;
  // By channel; the moments stay from forward to backward.
  std::vector<double> channel_mean_, channel_variance_, sums_, squares_;
};

}  // namespace

std::unique_ptr<Kernel> MakeBatchNorm(KernelContext& context) {
  return std::make_unique<BatchNorm>(context);
}

}  // namespace graft::engine::cpu
