#include "services/worker/attempt_log.h"

#include "common/base/strings.h"

namespace graft::worker {
namespace {

// Of a line beside its message, in a proto.
constexpr std::size_t kEntryBytes = 32;

}  // namespace

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
                      .message = base::SingleLine(message, trial::kMaxLogMessageBytes)});
}

std::vector<trial::LogEntry> AttemptLog::Pending(std::size_t& budget_bytes) const {
  const base::MutexLock lock(&mutex_);
  std::vector<trial::LogEntry> lines;
  for (const trial::LogEntry& entry : pending_) {
    const std::size_t bytes = entry.message.size() + kEntryBytes;
    if (bytes > budget_bytes) break;
    budget_bytes -= bytes;
    lines.push_back(entry);
  }
  return lines;
}

void AttemptLog::Acknowledge(std::int64_t line) {
  const base::MutexLock lock(&mutex_);
  while (!pending_.empty() && pending_.front().line <= line) pending_.pop_front();
}

}  // namespace graft::worker
