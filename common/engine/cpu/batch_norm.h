// Batch norm over rows of channels, with the ReLU and the pooling behind it. Internal to
// engine/cpu.
#ifndef GRAFT_COMMON_ENGINE_CPU_BATCH_NORM_H_
#define GRAFT_COMMON_ENGINE_CPU_BATCH_NORM_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/engine/cpu/arena.h"
#include "common/engine/cpu/kernel.h"
#include "common/engine/cpu/norm_loops.h"

namespace graft::engine::cpu {

// Two sums by channel over a part of a batch: in float32 by position in the period, a few
// elements each, and those in float64.
class NormSums {
 public:
  NormSums(std::int64_t channels, std::int64_t period)
      : first_(period), second_(period), first_total_(channels), second_total_(channels) {}

  float* first() { return first_.data(); }
  float* second() { return second_.data(); }
  // Moves the float32 sums into the totals.
  void Flush();
  // Adds the totals to those of a whole batch, and starts again from 0.
  void Take(std::vector<double>& first, std::vector<double>& second);

 private:
  std::vector<float> first_, second_;
  std::vector<double> first_total_, second_total_;
};

// Statistics, and the order of the loops (see norm_loops.h), which subclasses have. The backward
// does not read the result: it finds again what the ReLU let through.
class BatchNorm : public Kernel {
 public:
  // `result_elements`: of an example's result.
  BatchNorm(KernelContext& context, std::int64_t result_elements);

  absl::Status Forward(const Run& run) final;
  absl::Status Backward(const Run& run) final;
  NormCoefficients coefficients() const final {
    return {mean_.floats(),  factor_.floats(),   shift_.floats(),
            slope_.floats(), constant_.floats(), floor_};
  }

 protected:
  // Consecutive examples of a batch.
  struct Examples {
    std::int64_t first = 0;
    std::int64_t count = 0;
  };

  // y = the result of z = (x - mean) factor + shift
  virtual void Normalise(const Run& run, const Examples& part) const = 0;
  // With dz the gradient of z: first += dz, second += dz (x - mean); leaves the sums flushed.
  virtual void SumGradients(const Run& run, const Examples& part, NormSums& sums) const = 0;
  // dx = factor dz - slope (x - mean) - constant, or adds that to dx.
  virtual void Propagate(const Run& run, const Examples& part, bool add) const = 0;

  // The fastest loops of this processor.
  static const NormLoops& loops();

  // The sums where the result is that of a ReLU alone, over so many elements.
  void SumFlatGradients(const NormCoefficients& by, const float* x, const float* dy,
                        std::int64_t size, NormSums& sums) const;

  // Where the examples' values and gradients begin.
  const float* x(const Run& run, const Examples& part) const {
    return run.value(x_) + part.first * extent_.elements();
  }
  float* y(const Run& run, const Examples& part) const {
    return run.mutable_value(y_) + part.first * result_elements_;
  }
  const float* dy(const Run& run, const Examples& part) const {
    return run.gradient(y_) + part.first * result_elements_;
  }
  float* dx(const Run& run, const Examples& part) const {
    return run.gradient(x_) + part.first * extent_.elements();
  }

  const Extent& extent() const { return extent_; }
  std::int64_t result_elements() const { return result_elements_; }
  std::int64_t period() const { return period_; }
  // Coefficients by position in either period, 0.
  AlignedBuffer MakeCoefficients() const {
    return AlignedBuffer(std::max(period_, sum_period_) * std::int64_t{sizeof(float)});
  }

 private:
  double ElementsPerChannel(const Run& run) const {
    return static_cast<double>(run.count * extent_.plane());
  }
  double InverseDeviation(std::int64_t c) const;
  // Sets a channel's coefficient at all its positions.
  void Repeat(std::int64_t c, double value, const AlignedBuffer& coefficients);

  template <typename Sum>
  void SumSlices(std::int64_t count, const Sum& sum);

  void MeasureBatch(const Run& run);
  void UpdateStatistics(const Run& run) const;
  void PassChannelGradients(const Run& run) const;
  void PassOne(const Run& run, int operand, std::int64_t c, double value) const;
  void PrepareGradientCoefficients(const Run& run);

  const arch::Node& node_;
  const arch::NodeIndex x_, y_;
  const Extent extent_;
  const std::int64_t result_elements_;
  const std::int64_t channels_;
  const std::int64_t period_;
  const std::int64_t sum_period_;
  const double epsilon_;
  const double momentum_;
  const bool frozen_statistics_;
  const bool folded_;       // the convolution before it does its work in inference
  const bool is_prologue_;  // the convolution behind it normalises in training
  const float floor_;
  const std::vector<GradientUse> uses_;
  // The first three stay from forward to backward.
  const AlignedBuffer mean_, factor_, shift_, slope_, constant_;
  std::vector<NormSums> slices_;
  // By channel; the moments stay from forward to backward.
  std::vector<double> channel_mean_, channel_variance_, sums_, squares_;
};

// With max pooling over windows of 2x2 behind it: the values between are never stored.
std::unique_ptr<Kernel> MakePooledBatchNorm(KernelContext& context);

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_BATCH_NORM_H_
