// Database: a SQLite file of the controller.
#ifndef GRAFT_SERVICES_CONTROLLER_STORAGE_DATABASE_H_
#define GRAFT_SERVICES_CONTROLLER_STORAGE_DATABASE_H_

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/file.h"

namespace soci {
class session;
}

namespace graft::controller {

struct DatabaseSchema {
  // Statement i brings a database from version i to version i + 1. Never changed, only added to.
  std::span<const char* const> migrations;
  // Whether a transaction survives a power failure, at the price of one sync each: a few hundred a
  // second. Without it, the last ones may be lost.
  bool durable = true;
};

// An open database, its tables up to date. Locked against other processes: a file has one writer.
// Not thread-safe.
class Database {
 public:
  // Opens the file, made if it is missing, and brings its tables up to date. FAILED_PRECONDITION:
  // another process has it, or a later version of the program wrote it. DATA_LOSS: not a database.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path,
                                                        const DatabaseSchema& schema);
  ~Database();

  soci::session& session() { return *session_; }

  // Runs `use`, which may throw what SOCI throws. RESOURCE_EXHAUSTED: the disk is full. ABORTED: a
  // key is taken. DATA_LOSS: the file is damaged. Other errors are UNAVAILABLE. Messages begin
  // with `what` and the path.
  absl::Status Run(std::string_view what, const std::function<void(soci::session&)>& use);

 private:
  Database(std::string path, base::FileLock lock);

  absl::Status Configure(bool durable);
  absl::Status Migrate(std::span<const char* const> migrations);

  const std::string path_;
  const base::FileLock lock_;
  std::unique_ptr<soci::session> session_;
};

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_STORAGE_DATABASE_H_
