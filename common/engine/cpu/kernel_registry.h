// The kernels of the CPU backend by operator, and what each does to the memory of its operands and
// results, from which the plan decides how long a value is kept and where it lies. Internal to
// engine/cpu.
#ifndef GRAFT_COMMON_ENGINE_CPU_KERNEL_REGISTRY_H_
#define GRAFT_COMMON_ENGINE_CPU_KERNEL_REGISTRY_H_

#include <memory>
#include <string_view>

#include "common/engine/cpu/kernel.h"

namespace graft::engine::cpu {

// Sharing needs values of one type, and that the kernel is the last one to read what is
// overwritten.
struct MemoryTraits {
  // What the kernel's Backward reads besides the result's gradient.
  bool reads_operands = true;
  bool reads_result = false;
  // Whether the result may take the place of operand 0.
  bool result_over_operand = false;
  // Whether an operand's gradient may take the place of the result's.
  bool gradient_over_gradient = false;
  // Whether operand 0's gradient may take the place of its value.
  bool gradient_over_operand = false;
};

// May throw dnnl::error.
using KernelFactory = std::unique_ptr<Kernel> (*)(KernelContext& context);

struct KernelEntry {
  KernelFactory make = nullptr;
  MemoryTraits memory = {};
};

// Null if there is none. `parameter` has an entry whose factory is never called.
const KernelEntry* FindKernel(std::string_view op);

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_KERNEL_REGISTRY_H_
