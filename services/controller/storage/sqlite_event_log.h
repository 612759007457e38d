// SqliteEventLog: events in a SQLite file.
#ifndef GRAFT_SERVICES_CONTROLLER_STORAGE_SQLITE_EVENT_LOG_H_
#define GRAFT_SERVICES_CONTROLLER_STORAGE_SQLITE_EVENT_LOG_H_

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/controller/core/event_log.h"
#include "services/controller/storage/database.h"

namespace graft::controller {

// Not thread-safe.
class SqliteEventLog final : public EventLog {
 public:
  // Errors as of Database::Open.
  static absl::StatusOr<std::unique_ptr<SqliteEventLog>> Open(const std::string& path);

  absl::Status Append(std::span<const Record> records, const PolicySnapshot* snapshot) override;
  absl::StatusOr<PolicySnapshot> ReadSnapshot(SearchId search) override;
  // Whether no event was ever logged.
  absl::StatusOr<bool> IsEmpty();
  absl::Status Replay(const std::function<absl::Status(const Record&)>& visit) override;

 private:
  explicit SqliteEventLog(std::unique_ptr<Database> database) : database_(std::move(database)) {}

  const std::unique_ptr<Database> database_;
};

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_STORAGE_SQLITE_EVENT_LOG_H_
