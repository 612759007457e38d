#include "common/base/stopwatch.h"

#include <ctime>

#include "common/base/check.h"

namespace graft::base {
namespace {

absl::Duration Read(clockid_t clock) {
  timespec time{};
  GRAFT_CHECK(clock_gettime(clock, &time) == 0);
  return absl::DurationFromTimespec(time);
}

}  // namespace

Stopwatch::Stopwatch()
    : wall_start_(Read(CLOCK_MONOTONIC)), thread_start_(Read(CLOCK_THREAD_CPUTIME_ID)) {}

absl::Duration Stopwatch::WallTime() const { return Read(CLOCK_MONOTONIC) - wall_start_; }

absl::Duration Stopwatch::ThreadTime() const {
  return Read(CLOCK_THREAD_CPUTIME_ID) - thread_start_;
}

}  // namespace graft::base
