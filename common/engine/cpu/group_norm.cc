// group_norm: all loops run over rows of all channels; sums by channel become sums by group.
#include <cmath>

#include "common/engine/cpu/channel_sums.h"
#include "common/engine/cpu/kernel.h"
#include "common/engine/cpu/simd.h"

namespace graft::engine::cpu {
namespace {

enum { kX, kScale, kShift };

// sum += x
GRAFT_SIMD_SHORT void Add(const float* __restrict x, std::int64_t size, float* __restrict sum) {
  for (std::int64_t c = 0; c < size; ++c) sum[c] += x[c];
}

// sum += (x - mean)^2
GRAFT_SIMD_SHORT void AddSquares(const float* __restrict x, const float* __restrict mean,
                                 std::int64_t size, float* __restrict sum) {
  for (std::int64_t c = 0; c < size; ++c) sum[c] += (x[c] - mean[c]) * (x[c] - mean[c]);
}

// y = (x - mean) factor + shift
GRAFT_SIMD_SHORT void Normalise(const float* __restrict x, const float* __restrict mean,
                                const float* __restrict factor, const float* __restrict shift,
                                std::int64_t size, float* __restrict y) {
  for (std::int64_t c = 0; c < size; ++c) y[c] = (x[c] - mean[c]) * factor[c] + shift[c];
}

// sum += dy, product += dy (x - mean) inverse
GRAFT_SIMD_SHORT void AddGradients(const float* __restrict x, const float* __restrict dy,
                                   const float* __restrict mean, const float* __restrict inverse,
                                   std::int64_t size, float* __restrict sum,
                                   float* __restrict product) {
  for (std::int64_t c = 0; c < size; ++c) {
    sum[c] += dy[c];
    product[c] += dy[c] * ((x[c] - mean[c]) * inverse[c]);
  }
}

// dx = factor dy - slope (x - mean) - constant, added to dx if `add`
GRAFT_SIMD_SHORT void Propagate(const float* __restrict x, const float* __restrict dy,
                                const float* __restrict mean, const float* __restrict factor,
                                const float* __restrict slope, const float* __restrict constant,
                                std::int64_t size, bool add, float* __restrict dx) {
  for (std::int64_t c = 0; c < size; ++c) {
    const float value = factor[c] * dy[c] - slope[c] * (x[c] - mean[c]) - constant[c];
    dx[c] = add ? dx[c] + value : value;
  }
}

class GroupNorm final : public Kernel {
 public:
  explicit GroupNorm(KernelContext& context)
      : node_(context.node),
        y_(context.result),
        extent_(context.extent(y_)),
        channels_(extent_.channels),
        groups_(arch::GetInt(context.node.attributes, "groups")),
        epsilon_(arch::GetDouble(context.node.attributes, "epsilon")),
        uses_(context.gradient_uses),
        // By example and channel: mean, inverse deviation of the channel's group.
        moments_(context.Keep(context.options.batch * 2 * channels_ *
                              static_cast<std::int64_t>(sizeof(float)))),
        sums_(channels_),
        products_(channels_),
        factor_(channels_),
        slope_(channels_),
        constant_(channels_),
        scale_totals_(channels_),
        shift_totals_(channels_) {}

  absl::Status Forward(const Run& run) override {
    const float* const scale = run.value(node_.operands[kScale]);
    const float* const shift = run.value(node_.operands[kShift]);
    for (std::int64_t n = 0; n < run.count; ++n) {
      const float* const x = run.value(node_.operands[kX]) + n * extent_.elements();
      float* const mean = Means(run, n);
      float* const inverse = mean + channels_;
      Measure(x, mean, inverse);
      for (std::int64_t c = 0; c < channels_; ++c) factor_[c] = scale[c] * inverse[c];
      float* const y = run.mutable_value(y_) + n * extent_.elements();
      for (std::int64_t at = 0; at < extent_.elements(); at += channels_) {
        Normalise(x + at, mean, factor_.data(), shift, channels_, y + at);
      }
    }
    return absl::OkStatus();
  }

  // With z the normalised x and dz = scale dy, means over the group:
  // dx = inverse (dz - mean(dz) - z mean(dz z)).
  absl::Status Backward(const Run& run) override {
    std::ranges::fill(scale_totals_, 0.0);
    std::ranges::fill(shift_totals_, 0.0);
    for (std::int64_t n = 0; n < run.count; ++n) {
      const float* const x = run.value(node_.operands[kX]) + n * extent_.elements();
      const float* const dy = run.gradient(y_) + n * extent_.elements();
      const float* const mean = Means(run, n);
      sums_.Start();
      products_.Start();
      for (std::int64_t at = 0; at < extent_.elements(); at += channels_) {
        AddGradients(x + at, dy + at, mean, mean + channels_, channels_, sums_.NextRow(),
                     products_.NextRow());
      }
      for (std::int64_t c = 0; c < channels_; ++c) {
        scale_totals_[c] += products_.Totals()[c];
        shift_totals_[c] += sums_.Totals()[c];
      }
      if (uses_[kX] == GradientUse::kNone) continue;
      PrepareCoefficients(run.value(node_.operands[kScale]), mean + channels_);
      float* const dx = run.gradient(node_.operands[kX]) + n * extent_.elements();
      for (std::int64_t at = 0; at < extent_.elements(); at += channels_) {
        Propagate(x + at, dy + at, mean, factor_.data(), slope_.data(), constant_.data(), channels_,
                  uses_[kX] == GradientUse::kAdd, dx + at);
      }
    }
    PassTotals(run, kScale, scale_totals_);
    PassTotals(run, kShift, shift_totals_);
    return absl::OkStatus();
  }

 private:
  float* Means(const Run& run, std::int64_t n) const {
    return run.buffer<float>(moments_) + n * 2 * channels_;
  }
  double ElementsPerGroup() const {
    const std::int64_t channels = channels_ / groups_;
    return static_cast<double>(channels * extent_.plane());
  }

  // Calls f(first, last, sum of term(c)) for the channels first <= c < last of each group.
  template <typename Term, typename F>
  void ForEachGroup(Term term, F f) const {
    const std::int64_t size = channels_ / groups_;
    for (std::int64_t first = 0; first < channels_; first += size) {
      double sum = 0;
      for (std::int64_t c = first; c < first + size; ++c) sum += term(c);
      f(first, first + size, sum);
    }
  }

  void Measure(const float* x, float* mean, float* inverse) {
    sums_.Start();
    for (std::int64_t at = 0; at < extent_.elements(); at += channels_) {
      Add(x + at, channels_, sums_.NextRow());
    }
    const std::vector<double>& totals = sums_.Totals();
    ForEachGroup([&](std::int64_t c) { return totals[c]; },
                 [&](std::int64_t first, std::int64_t last, double sum) {
                   std::fill(mean + first, mean + last,
                             static_cast<float>(sum / ElementsPerGroup()));
                 });
    sums_.Start();
    for (std::int64_t at = 0; at < extent_.elements(); at += channels_) {
      AddSquares(x + at, mean, channels_, sums_.NextRow());
    }
    const std::vector<double>& squares = sums_.Totals();
    ForEachGroup([&](std::int64_t c) { return squares[c]; },
                 [&](std::int64_t first, std::int64_t last, double sum) {
                   const double variance = sum / ElementsPerGroup();
                   std::fill(inverse + first, inverse + last,
                             static_cast<float>(1.0 / std::sqrt(variance + epsilon_)));
                 });
  }

  void PrepareCoefficients(const float* scale, const float* inverse) {
    const std::vector<double>& sums = sums_.Totals();
    const std::vector<double>& products = products_.Totals();
    for (std::int64_t c = 0; c < channels_; ++c) factor_[c] = scale[c] * inverse[c];
    ForEachGroup([&](std::int64_t c) { return scale[c] * sums[c]; },
                 [&](std::int64_t first, std::int64_t last, double sum) {
                   std::fill(constant_.begin() + first, constant_.begin() + last,
                             static_cast<float>(sum / ElementsPerGroup() * inverse[first]));
                 });
    ForEachGroup([&](std::int64_t c) { return scale[c] * products[c]; },
                 [&](std::int64_t first, std::int64_t last, double sum) {
                   const double slope = sum / ElementsPerGroup() * inverse[first] * inverse[first];
                   std::fill(slope_.begin() + first, slope_.begin() + last,
                             static_cast<float>(slope));
                 });
  }

  void PassTotals(const Run& run, int operand, const std::vector<double>& totals) const {
    if (uses_[operand] == GradientUse::kNone) return;
    float* const gradient = run.gradient(node_.operands[operand]);
    for (std::int64_t c = 0; c < channels_; ++c) {
      const auto total = static_cast<float>(totals[c]);
      gradient[c] = uses_[operand] == GradientUse::kAdd ? gradient[c] + total : total;
    }
  }

  const arch::Node& node_;
  const arch::NodeIndex y_;
  const Extent extent_;
  const std::int64_t channels_;
  const std::int64_t groups_;
  const double epsilon_;
  const std::vector<GradientUse> uses_;
  const BufferId moments_;
  ChannelSums sums_, products_;                      // of one example
  std::vector<float> factor_, slope_, constant_;     // of one example
  std::vector<double> scale_totals_, shift_totals_;  // of the batch
};

}  // namespace

std::unique_ptr<Kernel> MakeGroupNorm(KernelContext& context) {
  return std::make_unique<GroupNorm>(context);
}

}  // namespace graft::engine::cpu
