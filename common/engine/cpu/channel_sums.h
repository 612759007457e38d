// Long sums by channel.
#ifndef GRAFT_COMMON_ENGINE_CPU_CHANNEL_SUMS_H_
#define GRAFT_COMMON_ENGINE_CPU_CHANNEL_SUMS_H_

#include <cstdint>
#include <vector>

#include "common/engine/cpu/kernel.h"

namespace graft::engine::cpu {

// Sums rows of channels: 64 at a time in float32, whose loops are vectorised, and those in float64.
class ChannelSums {
 public:
  explicit ChannelSums(std::int64_t channels) : block_(channels), totals_(channels) {}

  void Start();
  // Where the next row is to be added.
  float* NextRow();
  // The sums of all rows since Start.
  const std::vector<double>& Totals();
  // Hands the totals to a parameter's gradient.
  void Pass(GradientUse use, float* gradient);

 private:
  void Flush();

  std::vector<float> block_;
  std::vector<double> totals_;
  int rows_ = 0;  // in the block
};

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_CHANNEL_SUMS_H_
