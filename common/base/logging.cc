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

// The process's options and the lock that keeps lines whole. Thread-safe.
class Logger {
 public:
  void Configure(LogOptions options) {
    MutexLock lock(&mutex_);
    minimum_level_ = options.minimum_level;
    options_ = std::move(options);
  }

  bool IsEnabled(LogLevel level) const {
    return level >= minimum_level_.load(std::memory_order_relaxed);
  }

  void Write(LogLevel level, std::string_view message, LogFields fields) {
    const absl::Time now = absl::Now();
    MutexLock lock(&mutex_);
    const std::string line = WantsText(options_.format)
                                 ? TextLine(now, level, message, fields)
                                 : JsonLine(now, level, options_.process_name, message, fields);
    if (options_.sink) {
      options_.sink(line);
    } else {
      WriteToStderr(line);
    }
  }

 private:
  // Apart from the options so that a line below it costs one atomic load.
  std::atomic<LogLevel> minimum_level_{LogLevel::kInfo};
  Mutex mutex_;
  LogOptions options_ ABSL_GUARDED_BY(mutex_);
};

// Never destroyed: threads may log while the process ends.
Logger& GlobalLogger() {
  static Logger* const logger = new Logger();
  return *logger;
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

void ConfigureLogging(LogOptions options) { GlobalLogger().Configure(std::move(options)); }

void Log(LogLevel level, std::string_view message, LogFields fields) {
  Logger& logger = GlobalLogger();
  if (logger.IsEnabled(level)) logger.Write(level, message, fields);
}

}  // namespace graft::base
