#include "services/worker/attempt_log.h"

#include <algorithm>
#include <string>

namespace graft::worker {

using trial::LogSeverity;

void AttemptLog::Add(LogSeverity severity, std::string_view message) {
  const base::MutexLock lock(&mutex_);
  if (severity == LogSeverity::kInfo && last_line_ >= kMaxInfoLines) {
    if (!told_of_gap_) {
      Append(LogSeverity::kWarning, "further information is left out: the log is long enough");
    }
    told_of_gap_ = true;
  } else if (last_line_ < trial::kMaxLogLines) {
    Append(severity, message);
  }
}

void AttemptLog::Append(LogSeverity severity, std::string_view message) {
  pending_.push_back({.line = ++last_line_,
                      .time = clock_->Now(),
                      .severity = severity,
                      .message = std::string(message)});
}

std::vector<trial::LogEntry> AttemptLog::Pending(std::size_t limit) const {
  const base::MutexLock lock(&mutex_);
  const auto count = static_cast<std::ptrdiff_t>(std::min(limit, pending_.size()));
  return {pending_.begin(), pending_.begin() + count};
}

void AttemptLog::Acknowledge(std::int64_t line) {
  const base::MutexLock lock(&mutex_);
  while (!pending_.empty() && pending_.front().line <= line) pending_.pop_front();
}

}  // namespace graft::worker
