#include "tests/unit/engine/allocation_count.h"

#include <cstdlib>
#include <new>

namespace graft::engine::testing {
namespace {

thread_local bool uncounted = false;
thread_local std::int64_t count = 0;

}  // namespace

std::int64_t AllocationCount() { return count; }

UncountedScope::UncountedScope() { uncounted = true; }
UncountedScope::~UncountedScope() { uncounted = false; }

static void* Allocate(std::size_t size) {
  if (!uncounted) ++count;
  void* const memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace graft::engine::testing

void* operator new(std::size_t size) { return graft::engine::testing::Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
