#include "services/controller/storage/database.h"

#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"

namespace graft::controller {
namespace {

// Result codes of SQLite, https://www.sqlite.org/rescode.html.
enum SqliteCode { kCorrupt = 11, kFull = 13, kConstraint = 19, kNotADatabase = 26 };

absl::StatusCode CodeOf(const soci::soci_error& error) {
  const auto* sqlite = dynamic_cast<const soci::sqlite3_soci_error*>(&error);
  switch (sqlite == nullptr ? 0 : sqlite->result() & 0xff) {
    case kCorrupt:
    case kNotADatabase:
      return absl::StatusCode::kDataLoss;
    case kFull:
      return absl::StatusCode::kResourceExhausted;
    case kConstraint:
      return absl::StatusCode::kAborted;
    default:
      return absl::StatusCode::kUnavailable;
  }
}

}  // namespace

Database::Database(std::string path, base::FileLock lock)
    : path_(std::move(path)), lock_(std::move(lock)) {}

Database::~Database() = default;

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path,
                                                         const DatabaseSchema& schema) {
  absl::StatusOr<base::FileLock> lock = base::FileLock::TryAcquire(path + ".lock");
  if (!lock.ok()) return base::Annotate(lock.status(), "is another controller running?");
  std::unique_ptr<Database> database(new Database(path, *std::move(lock)));
  RETURN_IF_ERROR(database->Configure(schema.durable));
  RETURN_IF_ERROR(database->Migrate(schema.migrations));
  return database;
}

absl::Status Database::Run(std::string_view what, const std::function<void(soci::session&)>& use) {
  const auto message = [&](const std::exception& error) {
    return absl::StrCat(base::ToAbsl(what), " ", path_, ": ", error.what());
  };
  try {
    use(*session_);
    return absl::OkStatus();
  } catch (const soci::soci_error& error) {
    return absl::Status(CodeOf(error), message(error));
  } catch (const std::exception& error) {
    return absl::InternalError(message(error));
  }
}

absl::Status Database::Configure(bool durable) {
  session_ = std::make_unique<soci::session>();
  return Run("open", [this, durable](soci::session& session) {
    session.open(soci::sqlite3, absl::StrCat("dbname=\"", path_, "\" timeout=5"));
    // A log of its own lets readers (sqlite3, backups) in while the controller writes.
    session << "PRAGMA journal_mode = WAL";
    session << (durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
  });
}

absl::Status Database::Migrate(std::span<const char* const> migrations) {
  const int known = static_cast<int>(migrations.size());
  int version = 0;
  RETURN_IF_ERROR(Run("open", [&](soci::session& session) {
    session << "PRAGMA user_version", soci::into(version);
  }));
  if (version > known) {
    return absl::FailedPreconditionError(absl::StrCat("database ", path_, " has version ", version,
                                                      "; this program knows up to ", known));
  }
  return Run("migrate", [&](soci::session& session) {
    soci::transaction transaction(session);
    for (int i = version; i < known; ++i) session << migrations[i];
    session << absl::StrCat("PRAGMA user_version = ", known);
    transaction.commit();
  });
}

}  // namespace graft::controller
