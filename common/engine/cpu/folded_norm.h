// A batch norm's statistics as a part of the convolution before it. Internal to engine/cpu.
#ifndef GRAFT_COMMON_ENGINE_CPU_FOLDED_NORM_H_
#define GRAFT_COMMON_ENGINE_CPU_FOLDED_NORM_H_

#include <cstdint>
#include <vector>

#include "common/engine/cpu/kernel.h"

namespace graft::engine::cpu {

// With factor = scale / sqrt(variance + epsilon) by filter: the weight times factor, and the bias
// (bias - mean) factor + shift. One Fold at a time.
class FoldedNorm {
 public:
  // `weight_elements`: of all filters.
  FoldedNorm(const arch::Node& norm, std::int64_t filters, std::int64_t weight_elements);

  // Reads the batch norm's tensors of the run; `bias` may be null.
  void Fold(const Run& run, const float* weight, const float* bias);

  const float* weight() const { return weight_.data(); }
  const float* bias() const { return bias_.data(); }

 private:
  const arch::Node& norm_;
  const double epsilon_;
  std::vector<float> weight_;
  std::vector<float> bias_;
};

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_FOLDED_NORM_H_
