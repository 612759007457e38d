#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "common/wire/time_wire.h"
#include "services/cli/commands/commands.h"
#include "services/cli/output.h"
#include "services/cli/resource_name.h"
#include "services/cli/search_view.h"
#include "services/cli/session.h"

namespace graft::cli {
namespace {

constexpr int kPageSize = 500;
constexpr absl::Duration kFollowInterval = absl::Seconds(1);

struct LogsOptions {
  std::string trial;
  bool follow = false;
};

std::string Line(const v1::TrialLogEntry& entry) {
  const absl::Time time = wire::FromProto(entry.time()).value_or(absl::UnixEpoch());
  const std::string severity = EnumLabel(v1::LogSeverity_Name(entry.severity()), "LOG_SEVERITY_");
  return absl::StrCat(absl::FormatTime("%Y-%m-%d %H:%M:%E3S", time, absl::LocalTimeZone()), "  #",
                      entry.attempt(), "  ", entry.worker(), "  ",
                      severity == "info" ? "" : severity + ": ", entry.message(), "\n");
}

// Prints what is behind the request's token, and moves it on. Returns the number of lines.
absl::StatusOr<int> PrintNew(const Session& session, ClusterClient& client,
                             v1::ListTrialLogRequest& request) {
  bool more = true;
  int lines = 0;
  while (more) {
    ASSIGN_OR_RETURN(const v1::ListTrialLogResponse page, client.ListTrialLog(request));
    for (const v1::TrialLogEntry& entry : page.entries()) {
      std::cout << (session.json() ? ToJson(entry, /*pretty=*/false) + "\n" : Line(entry));
    }
    lines += page.entries_size();
    request.set_page_token(page.resume_token());
    more = !page.next_page_token().empty();
  }
  std::cout << std::flush;
  return lines;
}

absl::Status Logs(const Session& session, const LogsOptions& options) {
  ASSIGN_OR_RETURN(const auto client, session.Connect());
  v1::ListTrialLogRequest request;
  request.set_parent(TrialName(options.trial));
  request.set_page_size(kPageSize);
  int lines = 0;
  for (bool ended = false; true; absl::SleepFor(kFollowInterval)) {
    // The controller may close the log a moment after the trial has ended: once more after that.
    const bool last = !options.follow || ended;
    ASSIGN_OR_RETURN(const v1::Trial trial, client->GetTrial(request.parent()));
    ended = HasEnded(trial.state());
    ASSIGN_OR_RETURN(const int new_lines, PrintNew(session, *client, request));
    lines += new_lines;
    if (last) break;
  }
  if (lines == 0) {
    std::cerr << "no worker has logged anything about it, or its lines made way for newer ones\n";
  }
  return absl::OkStatus();
}

}  // namespace

void AddLogsCommand(CLI::App& app, Session& session) {
  auto options = std::make_shared<LogsOptions>();
  CLI::App* verb = app.add_subcommand(
      "logs", "Shows what workers logged about a trial: time, attempt, worker, line");
  verb->add_option("trial", options->trial, "trial, SEARCH/trials/NUMBER")->required();
  verb->add_flag("--follow,-f", options->follow, "Go on until the trial has ended");
  verb->callback([&session, options] {
    session.action = [&session, options] { return Logs(session, *options); };
  });
}

}  // namespace graft::cli
