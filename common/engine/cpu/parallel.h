// Loops that threads share. Internal to engine/cpu.
#ifndef GRAFT_COMMON_ENGINE_CPU_PARALLEL_H_
#define GRAFT_COMMON_ENGINE_CPU_PARALLEL_H_

#include <omp.h>

#include <cstdint>

namespace graft::engine::cpu {

// Calls visit(first, count) for consecutive parts of [0, total), a part a thread. For loops whose
// results do not depend on the parts; `work` is about how many elements they touch: few are not
// worth waking threads.
template <typename Visit>
void ForEachPart(std::int64_t total, std::int64_t work, const Visit& visit) {
  constexpr std::int64_t kLeastWork = 16'384;
  if (work < kLeastWork || omp_get_max_threads() == 1) {
    visit(std::int64_t{0}, total);
    return;
  }
#pragma omp parallel
  {
    const std::int64_t parts = omp_get_num_threads();
    const std::int64_t part = omp_get_thread_num();
    const std::int64_t first = total * part / parts;
    const std::int64_t last = total * (part + 1) / parts;
    if (first < last) visit(first, last - first);
  }
}

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_PARALLEL_H_
