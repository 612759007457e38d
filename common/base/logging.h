// Structured logging to stderr: one JSON object a line, or text where stderr is a terminal.
//
//   base::LogInfo("lease granted", {{"trial", trial_id}, {"slots", 3}});
//
// gives
//
//   {"time":"2025-01-31T12:00:00.123456Z","level":"info","process":"graft-controller","pid":7,
//    "message":"lease granted","trial":"t-1","slots":3}
//
// on one line. The message is constant text; what varies goes into fields. Secrets are never
// logged. All functions are thread-safe; lines of different threads do not mix.
#ifndef GRAFT_COMMON_BASE_LOGGING_H_
#define GRAFT_COMMON_BASE_LOGGING_H_

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace graft::base {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// "debug", "info", "warning" or "error".
std::string_view LogLevelName(LogLevel level);
// The inverse; INVALID_ARGUMENT for anything else.
absl::StatusOr<LogLevel> ParseLogLevel(std::string_view name);

enum class LogFormat {
  kAuto,  // kText if stderr is a terminal, else kJson
  kJson,
  kText,
};

struct LogOptions {
  std::string process_name = "graft";
  LogLevel minimum_level = LogLevel::kInfo;
  LogFormat format = LogFormat::kAuto;
  // Receives each line, its newline included, instead of stderr. Calls do not overlap; it must not
  // log.
  std::function<void(std::string_view line)> sink;
};

// Sets the options of the process; the latest call holds.
void ConfigureLogging(LogOptions options);

// One named value of a log line. Keys are snake_case and differ from the line's own (time, level,
// process, pid, message). Made by the braces of a log call and not kept beyond it.
class LogField {
 public:
  LogField(std::string_view key, bool value) : key_(key), value_(value) {}
  LogField(std::string_view key, std::signed_integral auto value)
      : key_(key), value_(static_cast<int64_t>(value)) {}
  LogField(std::string_view key, std::unsigned_integral auto value)
      : key_(key), value_(static_cast<uint64_t>(value)) {}
  LogField(std::string_view key, double value) : key_(key), value_(value) {}
  LogField(std::string_view key, std::string_view value) : key_(key), value_(std::string(value)) {}
  LogField(std::string_view key, const std::string& value) : key_(key), value_(value) {}
  LogField(std::string_view key, const char* value) : key_(key), value_(std::string(value)) {}
  LogField(std::string_view key, absl::string_view value) : key_(key), value_(std::string(value)) {}
  LogField(std::string_view key, const absl::Status& value) : key_(key), value_(value.ToString()) {}
  LogField(std::string_view key, absl::Duration value)
      : key_(key), value_(absl::FormatDuration(value)) {}

  std::string_view key() const { return key_; }

  // The value as JSON. Numbers that JSON lacks (NaN, infinities) become strings.
  std::string ToJson() const;

 private:
  std::string_view key_;
  std::variant<bool, int64_t, uint64_t, double, std::string> value_;
};

using LogFields = std::initializer_list<LogField>;

void Log(LogLevel level, std::string_view message, LogFields fields = {});

inline void LogDebug(std::string_view message, LogFields fields = {}) {
  Log(LogLevel::kDebug, message, fields);
}
inline void LogInfo(std::string_view message, LogFields fields = {}) {
  Log(LogLevel::kInfo, message, fields);
}
inline void LogWarning(std::string_view message, LogFields fields = {}) {
  Log(LogLevel::kWarning, message, fields);
}
inline void LogError(std::string_view message, LogFields fields = {}) {
  Log(LogLevel::kError, message, fields);
}

}  // namespace graft::base

#endif  // GRAFT_COMMON_BASE_LOGGING_H_
