// A batch norm's statistics as a part of the convolution before it. Internal to engine/cpu.
#ifndef GRAFT_COMMON_ENGINE_CPU_FOLDED_NORM_H_
#define GRAFT_COMMON_ENGINE_CPU_FOLDED_NORM_H_

#include <span>

#include "common/engine/cpu/kernel.h"

namespace graft::engine::cpu {

// Of a convolution, weight [filters, ...] and bias [filters].
struct FilterTensors {
  std::span<const float> weight;
  const float* bias = nullptr;  // null: none
};

// With factor = scale / sqrt(variance + epsilon) by filter, of the batch norm's tensors in the run:
// folded_weight = weight factor, folded_bias = (bias - mean) factor + shift.
void FoldNorm(const arch::Node& norm, const Run& run, const FilterTensors& own,
              float* folded_weight, std::span<float> folded_bias);

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_FOLDED_NORM_H_
