// Time as a dependency, so that tests decide what time it is.
#ifndef GRAFT_COMMON_BASE_CLOCK_H_
#define GRAFT_COMMON_BASE_CLOCK_H_

#include "absl/time/time.h"

namespace graft::base {

// A source of the current time. Implementations are thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
};

// The machine's wall clock; lives until the process ends.
const Clock& RealClock();

}  // namespace graft::base

#endif  // GRAFT_COMMON_BASE_CLOCK_H_
