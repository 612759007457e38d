#ifndef GRAFT_COMMON_BASE_FAKE_CLOCK_H_
#define GRAFT_COMMON_BASE_FAKE_CLOCK_H_

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"

namespace graft::base {

// A clock that stands still until a test moves it. Thread-safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time start = absl::FromUnixSeconds(1'000'000'000)) : now_(start) {}

  absl::Time Now() const override {
    MutexLock lock(&mutex_);
    return now_;
  }

  void Advance(absl::Duration step) {
    MutexLock lock(&mutex_);
    now_ += step;
  }

  void Set(absl::Time now) {
    MutexLock lock(&mutex_);
    now_ = now;
  }

 private:
  mutable Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace graft::base

#endif  // GRAFT_COMMON_BASE_FAKE_CLOCK_H_
