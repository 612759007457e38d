// A oneDNN primitive with its memory objects, made once and run often. Internal to engine/cpu.
#ifndef GRAFT_COMMON_ENGINE_CPU_BOUND_PRIMITIVE_H_
#define GRAFT_COMMON_ENGINE_CPU_BOUND_PRIMITIVE_H_

#include <dnnl.hpp>
#include <initializer_list>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace graft::engine::cpu {

// The engine and stream of the process; oneDNN's CPU streams hold no state.
const dnnl::engine& CpuEngine();

// Making one again is cheap, in another plan, too: the library keeps the code of the last 1024
// primitives of the process, several times what a network has.
//
// Binding pointers and executing allocate nothing on our side: the C interface takes the arguments
// from an array, where the C++ one would build one at each call. Each counts in primitive_counts.h.
// Not thread-safe.
class BoundPrimitive {
 public:
  BoundPrimitive() = default;

  // `arguments`: DNNL_ARG_... with the description of its memory. Throws dnnl::error.
  BoundPrimitive(dnnl::primitive primitive,
                 const std::vector<std::pair<int, dnnl::memory::desc>>& arguments);

  explicit operator bool() const { return static_cast<bool>(primitive_); }

  // Pointers in the order of the constructor's arguments. INTERNAL if oneDNN fails.
  absl::Status Execute(std::initializer_list<const void*> pointers);

 private:
  dnnl::primitive primitive_;
  bool reorders_ = false;
  std::vector<dnnl::memory> memories_;
  std::vector<dnnl_exec_arg_t> arguments_;
};

// A reorder between two layouts; without a primitive where they are equal.
BoundPrimitive MakeReorder(const dnnl::memory::desc& from, const dnnl::memory::desc& to);

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_BOUND_PRIMITIVE_H_
