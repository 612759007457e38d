#ifndef GRAFT_COMMON_BASE_STOPWATCH_H_
#define GRAFT_COMMON_BASE_STOPWATCH_H_

#include "absl/time/time.h"

namespace graft::base {

// Wall time and processor time of the calling thread since construction. For costs alone: nothing
// is decided by it. Not thread-safe.
class Stopwatch {
 public:
  Stopwatch();

  absl::Duration WallTime() const;
  // Of the thread that made it, which must be the caller. Threads that a backend adds do not count.
  absl::Duration ThreadTime() const;

 private:
  absl::Duration wall_start_;
  absl::Duration thread_start_;
};

}  // namespace graft::base

#endif  // GRAFT_COMMON_BASE_STOPWATCH_H_
