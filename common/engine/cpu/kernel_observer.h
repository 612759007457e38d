// KernelObserver: stands between a plan of the CPU backend and its kernels, to measure them.
#ifndef GRAFT_COMMON_ENGINE_CPU_KERNEL_OBSERVER_H_
#define GRAFT_COMMON_ENGINE_CPU_KERNEL_OBSERVER_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "common/arch/architecture.h"

namespace graft::engine::cpu {

enum class Pass : std::uint8_t { kForward, kBackward };

// Called by each run of a plan that was compiled with it, in the thread of the run.
class KernelObserver {
 public:
  virtual ~KernelObserver() = default;

  // Runs `kernel`, a pass of the node's kernel, and returns its status. May run it again, on the
  // same buffers: gradients that it adds to those of other users are then added once more, what
  // lies in the place of an operand is computed from itself, and statistics move once more.
  virtual absl::Status Run(const arch::Node& node, Pass pass,
                           absl::FunctionRef<absl::Status()> kernel) = 0;
};

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_KERNEL_OBSERVER_H_
