// TrialLog: what workers log about attempts, for people. Not part of the state: nothing is decided
// by it, and it may be lost.
#ifndef GRAFT_SERVICES_CONTROLLER_CORE_TRIAL_LOG_H_
#define GRAFT_SERVICES_CONTROLLER_CORE_TRIAL_LOG_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/digest/typed_digest.h"
#include "common/trial/log_entry.h"
#include "services/controller/core/lease_table.h"

namespace graft::controller {

// Number of the line with which the controller itself ends an attempt: behind all of a worker's.
inline constexpr std::int64_t kClosingLine = trial::kMaxLogLines + 1;

// The place of a line in the log of an evaluation; {0, 0} is before the first.
struct LogPosition {
  std::int64_t attempt = 0;
  std::int64_t line = 0;

  friend auto operator<=>(const LogPosition&, const LogPosition&) = default;
};

struct LoggedLine {
  std::int64_t attempt = 0;
  std::string worker;
  trial::LogEntry entry;

  LogPosition position() const { return {.attempt = attempt, .line = entry.line}; }
  friend bool operator==(const LoggedLine&, const LoggedLine&) = default;
};

// A bounded log: the oldest lines make way for new ones. Thread-safe.
class TrialLog {
 public:
  virtual ~TrialLog() = default;

  // Adds lines of an attempt. Those that are there already, and numbers outside of 1 to
  // kClosingLine, are passed over.
  virtual absl::Status Append(const Attempt& attempt, std::string_view worker,
                              std::span<const trial::LogEntry> entries) = 0;

  // At most `limit` lines behind `after`, in order of attempt and line.
  virtual absl::StatusOr<std::vector<LoggedLine>> Read(const digest::TrialKey& key,
                                                       LogPosition after, std::size_t limit) = 0;
};

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_CORE_TRIAL_LOG_H_
