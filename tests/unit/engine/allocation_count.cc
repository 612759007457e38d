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

static void* Allocate(std::size_t size) noexcept {
  if (!uncounted) ++count;
  return std::malloc(size);
}

}  // namespace graft::engine::testing

void* operator new(std::size_t size) {
  void* const memory = graft::engine::testing::Allocate(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
// Under AddressSanitizer this form does not call the one above.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return graft::engine::testing::Allocate(size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
