// Long sums by channel.
#ifndef GRAFT_COMMON_ENGINE_CPU_CHANNEL_SUMS_H_
#define GRAFT_COMMON_ENGINE_CPU_CHANNEL_SUMS_H_

#include <cstdint>
#include <vector>

#include "common/engine/cpu/kernel.h"

namespace graft::engine::cpu {

// Sums rows of channels: 64 at a time in float32, whose loops are vectorised, and those in float64.
// Rows are added in slices, each by one thread at a time.
class ChannelSums {
 public:
  explicit ChannelSums(std::int64_t channels, int slices = 1);

  void Start();
  // Where the next row is to be added.
  float* NextRow(int slice = 0);
  // The sums of all rows since Start.
  const std::vector<double>& Totals();
  // Hands the totals to a parameter's gradient.
  void Pass(GradientUse use, float* gradient);

 private:
  struct Slice {
    std::vector<float> block;
    std::vector<double> totals;
    int rows = 0;  // in the block
  };

  static void Flush(Slice& slice);

  std::vector<Slice> slices_;
  std::vector<double> totals_;
};

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_CHANNEL_SUMS_H_
