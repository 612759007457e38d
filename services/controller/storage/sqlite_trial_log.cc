#include "services/controller/storage/sqlite_trial_log.h"

#include <soci/soci.h>

#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/logging.h"
#include "common/base/status_macros.h"

namespace graft::controller {
namespace {

constexpr char kSetAsideSuffix[] = ".unreadable";

constexpr const char* kMigrations[] = {
    // `id`: order of arrival. `time`: microseconds since 1970 in UTC. `severity`: the number of
    // trial::LogSeverity.
    "CREATE TABLE lines ("
    " id INTEGER PRIMARY KEY,"
    " trial TEXT NOT NULL,"
    " attempt INTEGER NOT NULL,"
    " line INTEGER NOT NULL,"
    " worker TEXT NOT NULL,"
    " time INTEGER NOT NULL,"
    " severity INTEGER NOT NULL,"
    " message TEXT NOT NULL,"
    " UNIQUE (trial, attempt, line))",
};

// A row without its id.
struct Row {
  std::string trial;
  long long attempt = 0;  // NOLINT: a type that SOCI binds
  long long line = 0;     // NOLINT
  std::string worker;
  long long time = 0;  // NOLINT
  int severity = 0;
  std::string message;
};

// What a later version may have written is information.
trial::LogSeverity SeverityOf(int number) {
  for (const auto severity : {trial::LogSeverity::kWarning, trial::LogSeverity::kError}) {
    if (number == static_cast<int>(severity)) return severity;
  }
  return trial::LogSeverity::kInfo;
}

LoggedLine FromRow(const Row& row) {
  return {.attempt = row.attempt,
          .worker = row.worker,
          .entry = {.line = row.line,
                    .time = absl::FromUnixMicros(row.time),
                    .severity = SeverityOf(row.severity),
                    .message = row.message}};
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteTrialLog>> SqliteTrialLog::Open(const Options& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<Database> database,
                   Database::Open(options.path, {.migrations = kMigrations, .durable = false}));
  return std::unique_ptr<SqliteTrialLog>(
      new SqliteTrialLog(options.max_lines, std::move(database)));
}

absl::StatusOr<std::unique_ptr<SqliteTrialLog>> SqliteTrialLog::OpenOrReplace(
    const Options& options) {
  absl::StatusOr<std::unique_ptr<SqliteTrialLog>> log = Open(options);
  if (!absl::IsDataLoss(log.status()) && !absl::IsFailedPrecondition(log.status())) return log;
  base::LogWarning("trials' logs cannot be read; they are set aside",
                   {{"file", options.path + kSetAsideSuffix}, {"error", log.status()}});
  for (const char* suffix : {"-wal", "-shm"}) {
    std::remove(absl::StrCat(options.path, suffix).c_str());
  }
  if (std::rename(options.path.c_str(), absl::StrCat(options.path, kSetAsideSuffix).c_str()) != 0) {
    return log.status();
  }
  return Open(options);
}

absl::Status SqliteTrialLog::Clear() {
  base::MutexLock lock(&mutex_);
  return database_->Run("clear", [](soci::session& session) { session << "DELETE FROM lines"; });
}

absl::Status SqliteTrialLog::Append(const Attempt& attempt, std::string_view worker,
                                    std::span<const trial::LogEntry> entries) {
  base::MutexLock lock(&mutex_);
  return database_->Run("append to", [&](soci::session& session) {
    Row row{
        .trial = attempt.key.ToString(), .attempt = attempt.number, .worker = std::string(worker)};
    soci::transaction transaction(session);
    soci::statement insert =
        (session.prepare << "INSERT OR IGNORE INTO lines "
                            "(trial, attempt, line, worker, time, severity, message) VALUES "
                            "(:trial, :attempt, :line, :worker, :time, :severity, :message)",
         soci::use(row.trial), soci::use(row.attempt), soci::use(row.line), soci::use(row.worker),
         soci::use(row.time), soci::use(row.severity), soci::use(row.message));
    for (const trial::LogEntry& entry : entries) {
      if (entry.line < 1 || entry.line > kClosingLine) continue;
      row.line = entry.line;
      row.time = absl::ToUnixMicros(entry.time);
      row.severity = static_cast<int>(entry.severity);
      row.message = entry.message;
      insert.execute(true);
    }
    long long max_lines = max_lines_;  // NOLINT: a type that SOCI binds
    session << "DELETE FROM lines WHERE id <= (SELECT max(id) FROM lines) - :max_lines",
        soci::use(max_lines);
    transaction.commit();
  });
}

absl::StatusOr<std::vector<LoggedLine>> SqliteTrialLog::Read(const digest::TrialKey& key,
                                                             LogPosition after, std::size_t limit) {
  std::vector<LoggedLine> lines;
  base::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(database_->Run("read", [&](soci::session& session) {
    const std::string trial = key.ToString();
    const auto count = static_cast<long long>(limit);  // NOLINT: a type that SOCI binds
    const long long attempt = after.attempt;           // NOLINT
    const long long line = after.line;                 // NOLINT
    Row row;
    soci::statement select =
        (session.prepare << "SELECT attempt, line, worker, time, severity, message FROM lines "
                            "WHERE trial = :trial AND (attempt, line) > (:attempt, :line) "
                            "ORDER BY attempt, line LIMIT :count",
         soci::use(trial), soci::use(attempt), soci::use(line), soci::use(count),
         soci::into(row.attempt), soci::into(row.line), soci::into(row.worker),
         soci::into(row.time), soci::into(row.severity), soci::into(row.message));
    select.execute();
    while (select.fetch()) lines.push_back(FromRow(row));
  }));
  return lines;
}

}  // namespace graft::controller
