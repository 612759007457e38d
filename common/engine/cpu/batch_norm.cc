#include "common/engine/cpu/batch_norm.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/engine/cpu/avx512_convolution.h"
#include "common/engine/cpu/fusion.h"
#include "common/engine/cpu/loops.h"
#include "common/engine/cpu/parallel.h"
#include "common/engine/graph_checks.h"

namespace graft::engine::cpu {
namespace {

enum { kX, kScale, kShift, kMean, kVariance };

// Periods that are summed in float32 before they go into float64.
constexpr std::int64_t kPeriodsPerBlock = 32;

// Calls visit(first element, block) for the blocks of so many elements, after each of which the
// sums are flushed.
template <typename Visit>
void SumBlocks(std::int64_t size, std::int64_t period, NormSums& sums, const Visit& visit) {
  const std::int64_t step = period * kPeriodsPerBlock;
  for (std::int64_t start = 0; start < size; start += step) {
    visit(start, NormBlock{std::min(step, size - start), period});
    sums.Flush();
  }
}

// With the ReLU alone.
class FlatBatchNorm final : public BatchNorm {
 public:
  explicit FlatBatchNorm(KernelContext& context)
      : BatchNorm(context, context.extent(context.index).elements()) {}

 protected:
  void Normalise(const Run& run, const Examples& part) const override {
    loops().normalise(All(part), coefficients(), x(run, part), y(run, part));
  }

  void SumGradients(const Run& run, const Examples& part, NormSums& sums) const override {
    SumFlatGradients(coefficients(), x(run, part), dy(run, part), All(part).size, sums);
  }

  void Propagate(const Run& run, const Examples& part, bool add) const override {
    loops().propagate(All(part), coefficients(), x(run, part), dy(run, part), add, dx(run, part));
  }

 private:
  NormBlock All(const Examples& part) const { return {part.count * extent().elements(), period()}; }
};

}  // namespace

void NormSums::Flush() {
  const std::size_t channels = first_total_.size();
  for (std::size_t start = 0; start < first_.size(); start += channels) {
    for (std::size_t c = 0; c < channels; ++c) {
      first_total_[c] += first_[start + c];
      second_total_[c] += second_[start + c];
    }
  }
  std::ranges::fill(first_, 0.0F);
  std::ranges::fill(second_, 0.0F);
}

void NormSums::Take(std::vector<double>& first, std::vector<double>& second) {
  for (std::size_t c = 0; c < first_total_.size(); ++c) {
    first[c] += first_total_[c];
    second[c] += second_total_[c];
  }
  std::ranges::fill(first_total_, 0.0);
  std::ranges::fill(second_total_, 0.0);
}

BatchNorm::BatchNorm(KernelContext& context, std::int64_t result_elements)
    : node_(context.node),
      x_(context.operand(kX)),
      y_(context.result),
      extent_(context.extent(context.index)),
      result_elements_(result_elements),
      channels_(extent_.channels),
      period_(NormPeriod(channels_)),
      sum_period_(NormSumPeriod(channels_)),
      epsilon_(arch::GetDouble(context.node.attributes, "epsilon")),
      momentum_(arch::GetDouble(context.node.attributes, "momentum")),
      frozen_statistics_(HasFrozenStatistics(context.node, context.options)),
      folded_(context.fused.folded >= 0),
      is_prologue_(context.fused.prologue_of >= 0),
      floor_(context.fused.relu ? 0.0F : -std::numeric_limits<float>::infinity()),
      uses_(context.gradient_uses),
      mean_(MakeCoefficients()),
      factor_(MakeCoefficients()),
      shift_(MakeCoefficients()),
      slope_(MakeCoefficients()),
      constant_(MakeCoefficients()),
      slices_(kSlices, NormSums(channels_, sum_period_)),
      channel_mean_(channels_),
      channel_variance_(channels_),
      sums_(channels_),
      squares_(channels_) {}

absl::Status BatchNorm::Forward(const Run& run) {
  if (run.mode == Mode::kInference && folded_) return absl::OkStatus();
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
  if (run.prologues && is_prologue_) return absl::OkStatus();
  ForEachSlice(run.count, [&](int, std::int64_t first, std::int64_t count) {
    Normalise(run, {first, count});
  });
  return absl::OkStatus();
}

// With z the normalised x and M elements a channel:
// dx = factor (dz - sum(dz) / M - z sum(dz z) / M), or factor dz by frozen statistics.
absl::Status BatchNorm::Backward(const Run& run) {
  SumSlices(run.count,
            [&](const Examples& part, NormSums& sums) { SumGradients(run, part, sums); });
  PassChannelGradients(run);
  if (uses_[kX] == GradientUse::kNone) return absl::OkStatus();
  PrepareGradientCoefficients(run);
  const bool add = uses_[kX] == GradientUse::kAdd;
  ForEachSlice(run.count, [&](int, std::int64_t first, std::int64_t count) {
    Propagate(run, {first, count}, add);
  });
  return absl::OkStatus();
}

const NormLoops& BatchNorm::loops() {
  static const NormLoops& found = HaveAvx512() ? kAvx512NormLoops : kPortableNormLoops;
  return found;
}

void BatchNorm::SumFlatGradients(const NormCoefficients& by, const float* x, const float* dy,
                                 std::int64_t size, NormSums& sums) const {
  SumBlocks(size, sum_period_, sums, [&](std::int64_t start, const NormBlock& block) {
    loops().sum_gradients(block, by, x + start, dy + start, sums.first(), sums.second());
  });
}

double BatchNorm::InverseDeviation(std::int64_t c) const {
  return 1.0 / std::sqrt(channel_variance_[c] + epsilon_);
}

void BatchNorm::Repeat(std::int64_t c, double value, const AlignedBuffer& coefficients) {
  for (std::int64_t t = c; t < std::max(period_, sum_period_); t += channels_) {
    coefficients.floats()[t] = static_cast<float>(value);
  }
}

// Calls sum(examples, sums), which leaves its sums flushed, for all slices; the
// totals by channel are then in sums_ and squares_.
template <typename Sum>
void BatchNorm::SumSlices(std::int64_t count, const Sum& sum) {
  ForEachSlice(count, [&](int slice, std::int64_t first, std::int64_t examples) {
    sum(Examples{first, examples}, slices_[slice]);
  });
  std::ranges::fill(sums_, 0.0);
  std::ranges::fill(squares_, 0.0);
  for (NormSums& slice : slices_) slice.Take(sums_, squares_);
}

// Sums of x about the mean of the first example, near enough to the mean that the variance does not
// cancel.
void BatchNorm::MeasureBatch(const Run& run) {
  const auto sum = [&](const Examples& part, NormSums& sums) {
    const float* const from = x(run, part);
    SumBlocks(part.count * extent_.elements(), sum_period_, sums,
              [&](std::int64_t start, const NormBlock& block) {
                loops().sum_moments(block, mean_.floats(), from + start, sums.first(),
                                    sums.second());
              });
  };
  for (std::int64_t c = 0; c < channels_; ++c) Repeat(c, 0.0, mean_);
  SumSlices(1, sum);
  for (std::int64_t c = 0; c < channels_; ++c) {
    Repeat(c, sums_[c] / static_cast<double>(extent_.plane()), mean_);
  }
  SumSlices(run.count, sum);
  const double count = ElementsPerChannel(run);
  for (std::int64_t c = 0; c < channels_; ++c) {
    const double offset = sums_[c] / count;
    channel_mean_[c] = mean_.floats()[c] + offset;
    channel_variance_[c] = std::max(0.0, squares_[c] / count - offset * offset);
  }
}

void BatchNorm::UpdateStatistics(const Run& run) const {
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
void BatchNorm::PassChannelGradients(const Run& run) const {
  for (std::int64_t c = 0; c < channels_; ++c) {
    PassOne(run, kScale, c, squares_[c] * InverseDeviation(c));
    PassOne(run, kShift, c, sums_[c]);
    // What else statistics are computed from does not learn.
    PassOne(run, kMean, c, 0.0);
    PassOne(run, kVariance, c, 0.0);
  }
}

void BatchNorm::PassOne(const Run& run, int operand, std::int64_t c, double value) const {
  if (uses_[operand] == GradientUse::kNone) return;
  const auto gradient = static_cast<float>(value);
  PassGradient(uses_[operand], &gradient, 1, run.gradient(node_.operands[operand]) + c);
}

void BatchNorm::PrepareGradientCoefficients(const Run& run) {
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

std::unique_ptr<Kernel> MakeBatchNorm(KernelContext& context) {
  if (context.fused.pool) return MakePooledBatchNorm(context);
  return std::make_unique<FlatBatchNorm>(context);
}

}  // namespace graft::engine::cpu
