// Trying again: exponential backoff with jitter. Time is injected, so that tests do not wait.
#ifndef GRAFT_COMMON_RPC_RETRY_H_
#define GRAFT_COMMON_RPC_RETRY_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "common/base/rng.h"

namespace graft::rpc {

// Waits for a while. Thread-safe.
class Sleeper {
 public:
  virtual ~Sleeper() = default;
  // Returns after `duration`, or false early if whoever waits should give up.
  virtual bool Sleep(absl::Duration duration) = 0;
};

// Sleeps until interrupted, which it then stays. Thread-safe.
class InterruptibleSleeper final : public Sleeper {
 public:
  bool Sleep(absl::Duration duration) override;
  void Interrupt();

 private:
  base::Mutex mutex_;
  base::CondVar changed_;
  bool interrupted_ ABSL_GUARDED_BY(mutex_) = false;
};

// A sleeper that nobody interrupts; lives until the process ends.
Sleeper& RealSleeper();

struct RetryPolicy {
  // Calls in all; 0: no limit.
  int max_attempts = 8;
  // Wait after the first failure; each later one is `multiplier` times longer, up to `max_backoff`.
  absl::Duration initial_backoff = absl::Milliseconds(200);
  absl::Duration max_backoff = absl::Seconds(10);
  double multiplier = 2;
  // Each wait is scaled by a random factor from [1 - jitter, 1 + jitter), so that clients that
  // failed together do not come back together.
  double jitter = 0.25;
};

// The waits of one series of attempts. Not thread-safe.
class Backoff {
 public:
  Backoff(const RetryPolicy& policy, const base::Rng& rng) : policy_(policy), rng_(rng) {}

  // The next wait.
  absl::Duration Next();
  // Begins anew, after a success.
  void Reset() { failures_ = 0; }

 private:
  RetryPolicy policy_;
  base::Rng rng_;
  int failures_ = 0;
};

// Whether the same call may succeed later: UNAVAILABLE.
bool IsRetryable(const absl::Status& status);

// Calls until the result is not retryable, attempts are used up or the sleeper gives up; returns
// the last result. The call must be idempotent.
absl::Status Retry(const RetryPolicy& policy, Sleeper* sleeper,
                   const std::function<absl::Status()>& call);

// A generator for jitter, seeded by the system. Not for anything that must repeat.
base::Rng JitterRng();

}  // namespace graft::rpc

#endif  // GRAFT_COMMON_RPC_RETRY_H_
