// Operands of our own convolutions. For files that are compiled for AVX-512, see avx512_gemm.h.
// Internal to engine/cpu.
#ifndef GRAFT_COMMON_ENGINE_CPU_AVX512_OPERAND_H_
#define GRAFT_COMMON_ENGINE_CPU_AVX512_OPERAND_H_

#include <stdint.h>

#include "common/engine/cpu/avx512_convolution.h"
#include "common/engine/cpu/norm_loops.h"

namespace graft::engine::cpu {

// `pixels` pixels of the operand from the `first` of all images' on: where they are, or normalised
// in `scratch`.
static inline const float* LoadPixels(const ConvolutionOperand& operand, int64_t channels,
                                      int64_t first, int64_t pixels, float* scratch) {
  const float* const x = operand.x + first * channels;
  if (operand.norm == nullptr) return x;
  kAvx512NormLoops.normalise({pixels * channels, NormPeriod(channels)}, *operand.norm, x, scratch);
  return scratch;
}

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_AVX512_OPERAND_H_
