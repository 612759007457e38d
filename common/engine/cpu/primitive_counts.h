// Counts of what the process has oneDNN do, for tests and profiles.
#ifndef GRAFT_COMMON_ENGINE_CPU_PRIMITIVE_COUNTS_H_
#define GRAFT_COMMON_ENGINE_CPU_PRIMITIVE_COUNTS_H_

#include <cstdint>

namespace graft::engine::cpu {

// Of the whole process since its start. Matrix products are no primitives.
struct PrimitiveCounts {
  std::int64_t created = 0;
  std::int64_t reorders = 0;  // executions that change a layout (of weights) or round to bfloat16
};

// Thread-safe.
PrimitiveCounts CountedPrimitives();

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_PRIMITIVE_COUNTS_H_
