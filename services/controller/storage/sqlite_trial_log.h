// SqliteTrialLog: lines of trials' logs in a SQLite file of their own.
#ifndef GRAFT_SERVICES_CONTROLLER_STORAGE_SQLITE_TRIAL_LOG_H_
#define GRAFT_SERVICES_CONTROLLER_STORAGE_SQLITE_TRIAL_LOG_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "services/controller/core/trial_log.h"
#include "services/controller/storage/database.h"

namespace graft::controller {

inline constexpr std::int64_t kDefaultMaxLogLines = 200'000;

// Thread-safe. The last transactions may be lost in a power failure.
class SqliteTrialLog final : public TrialLog {
 public:
  struct Options {
    std::string path;
    // Lines kept over all evaluations, from 1.
    std::int64_t max_lines = kDefaultMaxLogLines;
  };

  // Errors as of Database::Open.
  static absl::StatusOr<std::unique_ptr<SqliteTrialLog>> Open(const Options& options);
  // The same, but a file that is damaged or of a later version is set aside, and a new one begun:
  // nothing hangs on it.
  static absl::StatusOr<std::unique_ptr<SqliteTrialLog>> OpenOrReplace(const Options& options);

  // Forgets all lines.
  absl::Status Clear();

  absl::Status Append(const Attempt& attempt, std::string_view worker,
                      std::span<const trial::LogEntry> entries) override;
  absl::StatusOr<std::vector<LoggedLine>> Read(const digest::TrialKey& key, LogPosition after,
                                               std::size_t limit) override;

 private:
  SqliteTrialLog(std::int64_t max_lines, std::unique_ptr<Database> database)
      : max_lines_(max_lines), database_(std::move(database)) {}

  const std::int64_t max_lines_;
  base::Mutex mutex_;
  const std::unique_ptr<Database> database_ ABSL_PT_GUARDED_BY(mutex_);
};

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_STORAGE_SQLITE_TRIAL_LOG_H_
