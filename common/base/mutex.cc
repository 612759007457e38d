#include "common/base/mutex.h"

#include <chrono>

namespace graft::base {

// The analysis cannot follow std::unique_lock's adopted ownership.
void CondVar::Wait(Mutex* mutex) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  std::unique_lock<std::mutex> lock(mutex->mutex_, std::adopt_lock);
  condition_.wait(lock);
  lock.release();
}

bool CondVar::WaitFor(Mutex* mutex, absl::Duration timeout) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  // Beyond this the sum with the steady clock's time could overflow.
  constexpr absl::Duration kLongest = absl::Hours(24 * 365);
  if (timeout > kLongest) {
    Wait(mutex);
    return true;
  }
  std::unique_lock<std::mutex> lock(mutex->mutex_, std::adopt_lock);
  const std::cv_status status = condition_.wait_for(lock, absl::ToChronoNanoseconds(timeout));
  lock.release();
  return status == std::cv_status::no_timeout;
}

}  // namespace graft::base
