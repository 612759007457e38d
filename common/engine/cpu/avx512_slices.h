// Long sums, in slices. For files that are compiled for AVX-512, see avx512_gemm.h. Internal to
// engine/cpu.
#ifndef GRAFT_COMMON_ENGINE_CPU_AVX512_SLICES_H_
#define GRAFT_COMMON_ENGINE_CPU_AVX512_SLICES_H_

#include "common/engine/cpu/avx512_gemm.h"

namespace graft::engine::cpu {

// In how many slices so many terms of `elements` elements are summed up, each slice by one thread:
// as many whatever the number of threads, so that sums have one order. Fewer where the slices' sums
// would take much memory, or to add them up much time, which it does not with `least_terms` a
// slice.
static inline int64_t NumberOfSlices(int64_t terms, int64_t least_terms, int64_t elements) {
  constexpr int64_t kMostElements = 640 << 10;
  int64_t slices = 8;
  while (slices > 1 && (slices * elements > kMostElements || slices * least_terms > terms)) {
    slices /= 2;
  }
  return slices;
}

// Calls sum_slice(first term, last term, its sum) for all slices; their sums are then in `total`.
// `sums` has the sums of all slices but the first.
template <typename SumSlice>
static inline void SumInSlices(int64_t slices, int64_t terms, int64_t elements, float* sums,
                               float* total, SumSlice sum_slice) {
#pragma omp parallel
  {
#pragma omp for schedule(static)
    for (int64_t slice = 0; slice < slices; ++slice) {
      sum_slice(terms * slice / slices, terms * (slice + 1) / slices,
                slice == 0 ? total : sums + (slice - 1) * elements);
    }
#pragma omp for schedule(static)
    for (int64_t i = 0; i < elements; i += kLanes) {
      const __mmask16 lanes = LanesOf(elements - i);
      __m512 sum = FullVector::Load(lanes, total + i);
      for (int64_t slice = 1; slice < slices; ++slice) {
        sum = _mm512_add_ps(sum, FullVector::Load(lanes, sums + (slice - 1) * elements + i));
      }
      FullVector::Store(total + i, lanes, sum);
    }
  }
}

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_AVX512_SLICES_H_
