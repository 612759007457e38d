#include "services/controller/storage/sqlite_event_log.h"

#include <soci/soci.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/status_macros.h"
#include "services/controller/storage/event_codec.h"

namespace graft::controller {
namespace {

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

// A row of the table `events`.
struct Row {
  long long sequence = 0;  // NOLINT: a type that SOCI binds
  long long search = 0;    // NOLINT
  std::string kind;
  std::string payload;
  std::string time;
};

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", time, absl::UTCTimeZone());
}

absl::StatusOr<Row> ToRow(const Record& record) {
  ASSIGN_OR_RETURN(EncodedEvent event, EncodeEvent(record.event));
  return Row{.sequence = record.sequence,
             .search = event.search.number,
             .kind = std::move(event.kind),
             .payload = std::move(event.payload),
             .time = TimeText(record.time)};
}

absl::StatusOr<Record> FromRow(const Row& row) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, row.time, &time, &error)) {
    return absl::DataLossError(absl::StrCat("event ", row.sequence, ": bad time: ", error));
  }
  absl::StatusOr<Event> event = DecodeEvent(row.payload);
  if (!event.ok()) {
    return absl::DataLossError(
        absl::StrCat("event ", row.sequence, ": ", event.status().message()));
  }
  return Record{.sequence = row.sequence, .time = time, .event = *std::move(event)};
}

void WriteSnapshot(const PolicySnapshot& snapshot, soci::session& session) {
  soci::blob state(session);
  state.write(0, snapshot.state.data(), snapshot.state.size());
  long long search = snapshot.search.number;  // NOLINT: a type that SOCI binds
  session << "INSERT OR REPLACE INTO policy_snapshots (search, state) VALUES (:search, :state)",
      soci::use(search), soci::use(state);
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteEventLog>> SqliteEventLog::Open(const std::string& path) {
  ASSIGN_OR_RETURN(std::unique_ptr<Database> database,
                   Database::Open(path, {.migrations = kMigrations}));
  return std::unique_ptr<SqliteEventLog>(new SqliteEventLog(std::move(database)));
}

absl::Status SqliteEventLog::Append(std::span<const Record> records,
                                    const PolicySnapshot* snapshot) {
  std::vector<Row> rows;
  for (const Record& record : records) {
    ASSIGN_OR_RETURN(Row row, ToRow(record));
    rows.push_back(std::move(row));
  }
  return database_->Run("append to", [&](soci::session& session) {
    soci::transaction transaction(session);
    Row row;
    soci::statement insert =
        (session.prepare << "INSERT INTO events (sequence, search, kind, payload, time) "
                            "VALUES (:sequence, :search, :kind, :payload, :time)",
         soci::use(row.sequence), soci::use(row.search), soci::use(row.kind),
         soci::use(row.payload), soci::use(row.time));
    for (Row& next : rows) {
      row = std::move(next);
      insert.execute(true);
    }
    for (const Record& record : records) {
      const auto* deleted = std::get_if<SearchDeleted>(&record.event);
      if (deleted == nullptr) continue;
      long long search = deleted->search.number;  // NOLINT: a type that SOCI binds
      session << "DELETE FROM policy_snapshots WHERE search = :search", soci::use(search);
    }
    if (snapshot != nullptr) WriteSnapshot(*snapshot, session);
    transaction.commit();
  });
}

absl::StatusOr<PolicySnapshot> SqliteEventLog::ReadSnapshot(SearchId search) {
  PolicySnapshot snapshot{.search = search};
  long long number = search.number;  // NOLINT: a type that SOCI binds
  bool found = false;
  RETURN_IF_ERROR(database_->Run("read", [&](soci::session& session) {
    soci::blob state(session);
    session << "SELECT state FROM policy_snapshots WHERE search = :search", soci::into(state),
        soci::use(number);
    found = session.got_data();
    if (!found) return;
    snapshot.state.resize(state.get_len());
    state.read(0, snapshot.state.data(), snapshot.state.size());
  }));
  if (!found) {
    return absl::NotFoundError(absl::StrCat("no policy snapshot of ", ToString(search)));
  }
  return snapshot;
}

absl::StatusOr<bool> SqliteEventLog::IsEmpty() {
  int events = 0;
  RETURN_IF_ERROR(database_->Run("read", [&](soci::session& session) {
    session << "SELECT count(*) FROM (SELECT 1 FROM events LIMIT 1)", soci::into(events);
  }));
  return events == 0;
}

absl::Status SqliteEventLog::Replay(const std::function<absl::Status(const Record&)>& visit) {
  absl::Status visited;
  RETURN_IF_ERROR(database_->Run("read", [&](soci::session& session) {
    Row row;
    soci::statement select =
        (session.prepare << "SELECT sequence, payload, time FROM events "
                            "ORDER BY sequence",
         soci::into(row.sequence), soci::into(row.payload), soci::into(row.time));
    select.execute();
    while (visited.ok() && select.fetch()) {
      const absl::StatusOr<Record> record = FromRow(row);
      visited = record.ok() ? visit(*record) : record.status();
    }
  }));
  return visited;
}

}  // namespace graft::controller
