#include "common/rpc/retry.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "absl/time/clock.h"

namespace graft::rpc {

bool InterruptibleSleeper::Sleep(absl::Duration duration) {
  const absl::Time end = absl::Now() + duration;
  base::MutexLock lock(&mutex_);
  while (!interrupted_) {
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) return true;
    changed_.WaitFor(&mutex_, left);
  }
  return false;
}

void InterruptibleSleeper::Interrupt() {
  base::MutexLock lock(&mutex_);
  interrupted_ = true;
  changed_.SignalAll();
}

Sleeper& RealSleeper() {
  static InterruptibleSleeper* const sleeper = new InterruptibleSleeper();
  return *sleeper;
}

absl::Duration Backoff::Next() {
  const double growth = std::pow(policy_.multiplier, failures_);
  // Once the longest wait is reached the exponent stops growing, long before it could overflow.
  const absl::Duration wait = std::min(policy_.initial_backoff * growth, policy_.max_backoff);
  if (wait < policy_.max_backoff) ++failures_;
  return wait * (1 + policy_.jitter * (2 * static_cast<double>(rng_.Uniform()) - 1));
}

bool IsRetryable(const absl::Status& status) { return absl::IsUnavailable(status); }

absl::Status Retry(const RetryPolicy& policy, Sleeper* sleeper,
                   const std::function<absl::Status()>& call) {
  Backoff backoff(policy, JitterRng());
  for (int attempt = 1;; ++attempt) {
    absl::Status status = call();
    const bool last = policy.max_attempts > 0 && attempt >= policy.max_attempts;
    if (!IsRetryable(status) || last || !sleeper->Sleep(backoff.Next())) return status;
  }
}

base::Rng JitterRng() {
  std::random_device device;
  return base::Rng(uint64_t{device()} << 32 | device());
}

}  // namespace graft::rpc
