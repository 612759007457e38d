#include "services/controller/storage/database.h"

#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include <exception>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"

namespace graft::controller {
namespace {

// Statement i brings a database from version i to version i + 1. Never changed, only added to.
constexpr const char* kMigrations[] = {
    // `search` is 0 for events about no search; `payload` is a graft.v1.Event in JSON, which never
    // holds a NUL byte (SOCI would cut the text there); `time` is RFC 3339 in UTC.
    "CREATE TABLE events ("
    " sequence INTEGER PRIMARY KEY,"
    " search INTEGER NOT NULL,"
    " kind TEXT NOT NULL,"
    " payload TEXT NOT NULL,"
    " time TEXT NOT NULL)",
    "CREATE INDEX events_of_search ON events (search, sequence) WHERE search <> 0",
    // The last state of each search's policy, as Policy::SaveState gives it.
    "CREATE TABLE policy_snapshots (search INTEGER PRIMARY KEY, state BLOB NOT NULL)",
};
constexpr int kVersion = static_cast<int>(std::size(kMigrations));

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

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path) {
  absl::StatusOr<base::FileLock> lock = base::FileLock::TryAcquire(path + ".lock");
  if (!lock.ok()) return base::Annotate(lock.status(), "is another controller running?");
  std::unique_ptr<Database> database(new Database(path, *std::move(lock)));
  RETURN_IF_ERROR(database->Configure());
  RETURN_IF_ERROR(database->Migrate());
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

absl::Status Database::Configure() {
  session_ = std::make_unique<soci::session>();
  return Run("open", [this](soci::session& session) {
    session.open(soci::sqlite3, absl::StrCat("dbname=\"", path_, "\" timeout=5"));
    // A log of its own lets readers (sqlite3, backups) in while the controller writes.
    session << "PRAGMA journal_mode = WAL";
    // One sync a transaction: what a user or worker was told has happened survives a power failure.
    // A few hundred transactions a second are plenty, since heartbeats are not logged.
    session << "PRAGMA synchronous = FULL";
  });
}

absl::Status Database::Migrate() {
  int version = 0;
  RETURN_IF_ERROR(Run("open", [&](soci::session& session) {
    session << "PRAGMA user_version", soci::into(version);
  }));
  if (version > kVersion) {
    return absl::FailedPreconditionError(absl::StrCat("database ", path_, " has version ", version,
                                                      "; this program knows up to ", kVersion));
  }
  return Run("migrate", [version](soci::session& session) {
    soci::transaction transaction(session);
    for (int i = version; i < kVersion; ++i) session << kMigrations[i];
    session << absl::StrCat("PRAGMA user_version = ", kVersion);
    transaction.commit();
  });
}

}  // namespace graft::controller
