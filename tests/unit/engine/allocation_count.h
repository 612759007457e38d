// Counts calls of operator new: link allocation_count.cc, which replaces it.
#ifndef GRAFT_TESTS_UNIT_ENGINE_ALLOCATION_COUNT_H_
#define GRAFT_TESTS_UNIT_ENGINE_ALLOCATION_COUNT_H_

#include <cstdint>

namespace graft::engine::testing {

// Allocations of the current thread so far.
std::int64_t AllocationCount();

// While one lives, allocations of its thread do not count. Do not nest.
class UncountedScope {
 public:
  UncountedScope();
  ~UncountedScope();
  UncountedScope(const UncountedScope&) = delete;
  UncountedScope& operator=(const UncountedScope&) = delete;
};

}  // namespace graft::engine::testing

#endif  // GRAFT_TESTS_UNIT_ENGINE_ALLOCATION_COUNT_H_
