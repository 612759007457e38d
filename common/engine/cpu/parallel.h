// Loops that threads share. Internal to engine/cpu.
#ifndef GRAFT_COMMON_ENGINE_CPU_PARALLEL_H_
#define GRAFT_COMMON_ENGINE_CPU_PARALLEL_H_

#include <omp.h>

#include <cstdint>

#include "absl/status/status.h"

namespace graft::engine::cpu {

// FAILED_PRECONDITION: the environment's OMP_THREAD_LIMIT is below `threads`; oneDNN's would wait
// for ever for those that do not come.
absl::Status CheckThreads(int threads);

// Calls visit(first, count) for consecutive parts of [0, total), a part a thread. For loops whose
// results do not depend on the parts; `work` is about how many elements they touch: few are not
// worth waking threads.
template <typename Visit>
void ForEachPart(std::int64_t total, std::int64_t work, const Visit& visit) {
  constexpr std::int64_t kLeastWork = 16'384;
  if (work < kLeastWork || omp_get_max_threads() == 1 || omp_in_parallel() != 0) {
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

// As ForEachPart, where a visit returns a status: the error of one of them, or OK.
template <typename Visit>
absl::Status TryEachPart(std::int64_t total, std::int64_t work, const Visit& visit) {
  absl::Status result;
  ForEachPart(total, work, [&](std::int64_t first, std::int64_t count) {
    const absl::Status status = visit(first, count);
    if (status.ok()) return;
#pragma omp critical(graft_engine_cpu_status)
    result = status;
  });
  return result;
}

// Parts of a batch in each of which a sum is taken before the parts are added up: as many whatever
// the number of threads, so that sums have one order.
inline constexpr int kSlices = 16;

// Calls visit(slice, first, count) for the slices of [0, total) that are not empty, by all threads.
template <typename Visit>
void ForEachSlice(std::int64_t total, const Visit& visit) {
#pragma omp parallel for schedule(static)
  for (int slice = 0; slice < kSlices; ++slice) {
    const std::int64_t first = total * slice / kSlices;
    const std::int64_t last = total * (slice + 1) / kSlices;
    if (first < last) visit(slice, first, last - first);
  }
}

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_PARALLEL_H_
