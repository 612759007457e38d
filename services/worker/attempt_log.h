// AttemptLog: what a worker logs about one attempt, until the controller has it.
#ifndef GRAFT_SERVICES_WORKER_ATTEMPT_LOG_H_
#define GRAFT_SERVICES_WORKER_ATTEMPT_LOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/trial/log_entry.h"

namespace graft::worker {

// Numbers lines from 1. Information beyond the first kMaxInfoLines is left out, so that there is
// room for the lines that say why an attempt failed. Thread-safe.
class AttemptLog {
 public:
  static constexpr std::int64_t kMaxInfoLines = trial::kMaxLogLines - 100;

  // `clock` must outlive the log.
  explicit AttemptLog(const base::Clock* clock) : clock_(clock) {}

  void Add(trial::LogSeverity severity, std::string_view message);

  // The oldest lines that are not acknowledged, as many as `budget_bytes` has room for, which what
  // they take is taken from.
  std::vector<trial::LogEntry> Pending(std::size_t& budget_bytes) const;
  // The controller has all lines up to this number.
  void Acknowledge(std::int64_t line);

 private:
  void Append(trial::LogSeverity severity, std::string_view message)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const base::Clock* const clock_;
  mutable base::Mutex mutex_;
  std::deque<trial::LogEntry> pending_ ABSL_GUARDED_BY(mutex_);
  std::int64_t last_line_ ABSL_GUARDED_BY(mutex_) = 0;
  bool told_of_gap_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace graft::worker

#endif  // GRAFT_SERVICES_WORKER_ATTEMPT_LOG_H_
