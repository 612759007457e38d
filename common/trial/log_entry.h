// LogEntry: a line of what a worker logs about an attempt at a trial.
#ifndef GRAFT_COMMON_TRIAL_LOG_ENTRY_H_
#define GRAFT_COMMON_TRIAL_LOG_ENTRY_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace graft::trial {

// Lines of an attempt, and bytes of a line, that are kept.
inline constexpr std::int64_t kMaxLogLines = 1'000;
inline constexpr std::size_t kMaxLogMessageBytes = 1'024;

enum class LogSeverity {
  kInfo,     // what went as it should
  kWarning,  // what went wrong and was mended, or may explain a later failure
  kError,    // why the attempt failed
};

struct LogEntry {
  std::int64_t line = 0;  // within the attempt, from 1
  absl::Time time;        // by the clock of who says it; to the microsecond
  LogSeverity severity = LogSeverity::kInfo;
  std::string message;  // UTF-8

  friend bool operator==(const LogEntry&, const LogEntry&) = default;
};

}  // namespace graft::trial

#endif  // GRAFT_COMMON_TRIAL_LOG_ENTRY_H_
