// Measures which kernels are fastest on this machine.
#ifndef GRAFT_COMMON_ENGINE_CPU_TUNE_H_
#define GRAFT_COMMON_ENGINE_CPU_TUNE_H_

#include <functional>

#include "absl/status/statusor.h"
#include "common/engine/cpu/kernel_table.h"

namespace graft::engine::cpu {

struct TuneOptions {
  int threads = 1;
  // How often each method is timed, at least once; its shortest time counts.
  int rounds = 6;
};

// Times the methods of each contest in alternation for each pair of widths; with six rounds it
// takes under a minute, which nothing else on the machine should disturb. `on_progress` gets the
// part that is done, 0 to 1, and may be null. FAILED_PRECONDITION: this processor has one method
// only, or the environment's OMP_THREAD_LIMIT is below the threads. INTERNAL: oneDNN fails.
absl::StatusOr<KernelTable> TuneKernels(const TuneOptions& options,
                                        const std::function<void(double)>& on_progress);

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_TUNE_H_
