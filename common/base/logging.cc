#include "common/base/logging.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "common/base/mutex.h"
#include "common/base/strings.h"

namespace graft::base {
namespace {

// The options and the lock that keeps lines whole. `minimum_level` is apart so that a line below it
// costs one atomic load.
struct Logger {
  std::atomic<LogLevel> minimum_level{LogLevel::kInfo};
  Mutex mutex;
  LogOptions options ABSL_GUARDED_BY(mutex);
};

// Never destroyed: threads may log while the process ends.
Logger& GlobalLogger() {
  static Logger* const logger = new Logger();
  return *logger;
}

bool WantsText(LogFormat format) {
  if (format == LogFormat::kAuto) return isatty(STDERR_FILENO) == 1;
  return format == LogFormat::kText;
}

std::string JsonLine(absl::Time now, LogLevel level, std::string_view process,
                     std::string_view message, LogFields fields) {
  std::string line = absl::StrCat(
      "{\"time\":\"", absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", now, absl::UTCTimeZone()),
      "\",\"level\":\"", ToAbsl(LogLevelName(level)), "\",\"process\":", JsonQuote(process),
      ",\"pid\":", getpid(), ",\"message\":", JsonQuote(message));
  for (const LogField& field : fields) {
    absl::StrAppend(&line, ",", JsonQuote(field.key()), ":", field.ToJson());
  }
  line.append("}\n");
  return line;
}

std::string TextLine(absl::Time now, LogLevel level, std::string_view message, LogFields fields) {
  std::string line = absl::StrCat(absl::FormatTime("%H:%M:%E3S", now, absl::LocalTimeZone()), " ",
                                  ToAbsl(LogLevelName(level)), "  ", ToAbsl(message));
  for (const LogField& field : fields) {
    absl::StrAppend(&line, "  ", ToAbsl(field.key()), "=", field.ToJson());
  }
  line.push_back('\n');
  return line;
}

// A log line that cannot be written has nowhere to be reported: errors other than interruption
// drop it.
void WriteToStderr(std::string_view line) {
  while (!line.empty()) {
    const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
    if (written < 0 && errno != EINTR) return;
    if (written > 0) line.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace

std::string_view LogLevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "unknown";
}

absl::StatusOr<LogLevel> ParseLogLevel(std::string_view name) {
  for (const LogLevel level :
       {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError}) {
    if (name == LogLevelName(level)) return level;
  }
  return absl::InvalidArgumentError(absl::StrCat("unknown log level ", JsonQuote(name),
                                                 ": expected debug, info, warning or error"));
}

std::string LogField::ToJson() const {
  struct Visitor {
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(int64_t value) const { return absl::StrCat(value); }
    std::string operator()(uint64_t value) const { return absl::StrCat(value); }
    std::string operator()(double value) const {
      const std::string text = absl::StrFormat("%.9g", value);
      return std::isfinite(value) ? text : JsonQuote(text);
    }
    std::string operator()(const std::string& value) const { return JsonQuote(value); }
  };
  return std::visit(Visitor(), value_);
}

void ConfigureLogging(LogOptions options) {
  Logger& logger = GlobalLogger();
  MutexLock lock(&logger.mutex);
  logger.minimum_level = options.minimum_level;
  logger.options = std::move(options);
}

void Log(LogLevel level, std::string_view message, LogFields fields) {
  Logger& logger = GlobalLogger();
  if (level < logger.minimum_level.load(std::memory_order_relaxed)) return;
  const absl::Time now = absl::Now();
  MutexLock lock(&logger.mutex);
  const LogOptions& options = logger.options;
  const std::string line = WantsText(options.format)
                               ? TextLine(now, level, message, fields)
                               : JsonLine(now, level, options.process_name, message, fields);
  if (options.sink) {
    options.sink(line);
  } else {
    WriteToStderr(line);
  }
}

}  // namespace graft::base
