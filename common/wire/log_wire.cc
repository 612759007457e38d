#include "common/wire/log_wire.h"

#include "absl/status/statusor.h"
#include "common/base/check.h"
#include "common/base/strings.h"
#include "common/wire/time_wire.h"

namespace graft::wire {
namespace {

using trial::LogSeverity;

v1::LogSeverity SeverityToProto(LogSeverity severity) {
  switch (severity) {
    case LogSeverity::kInfo:
      return v1::LOG_SEVERITY_INFO;
    case LogSeverity::kWarning:
      return v1::LOG_SEVERITY_WARNING;
    case LogSeverity::kError:
      return v1::LOG_SEVERITY_ERROR;
  }
  GRAFT_CHECK(false) << "severity " << static_cast<int>(severity);
  return v1::LOG_SEVERITY_UNSPECIFIED;
}

LogSeverity SeverityFromProto(v1::LogSeverity severity) {
  switch (severity) {
    case v1::LOG_SEVERITY_WARNING:
      return LogSeverity::kWarning;
    case v1::LOG_SEVERITY_ERROR:
      return LogSeverity::kError;
    default:
      return LogSeverity::kInfo;
  }
}

}  // namespace

v1::TrialLogEntry ToProto(const trial::LogEntry& entry) {
  v1::TrialLogEntry proto;
  proto.set_line(entry.line);
  *proto.mutable_time() = ToProto(entry.time);
  proto.set_severity(SeverityToProto(entry.severity));
  proto.set_message(base::SingleLine(entry.message, trial::kMaxLogMessageBytes));
  return proto;
}

trial::LogEntry FromProto(const v1::TrialLogEntry& proto) {
  const absl::StatusOr<absl::Time> time = FromProto(proto.time());
  return {.line = proto.line(),
          .time = time.value_or(absl::UnixEpoch()),
          .severity = SeverityFromProto(proto.severity()),
          .message = base::SingleLine(proto.message(), trial::kMaxLogMessageBytes)};
}

}  // namespace graft::wire
