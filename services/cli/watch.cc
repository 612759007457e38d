#include "services/cli/watch.h"

#include <google/protobuf/struct.pb.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "services/cli/interrupt.h"
#include "services/cli/progress_display.h"
#include "services/cli/search_view.h"

namespace graft::cli {
namespace {

constexpr absl::Duration kReconnectPatience = absl::Minutes(2);
constexpr int kBestNetworks = 5;
constexpr size_t kMaxLineage = 10'000;
constexpr int kDefaultWidth = 100;

int TerminalWidth() {
  winsize size = {};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return kDefaultWidth;
}

}  // namespace

absl::StatusOr<v1::Search> FollowSearch(ClusterClient& client, const std::string& name) {
  const InterruptGuard guard;
  v1::Search latest;
  {
    ProgressDisplay display(std::cerr, isatty(STDERR_FILENO) != 0, TerminalWidth());
    RETURN_IF_ERROR(client.WatchSearch(
        name, kReconnectPatience,
        [&](const v1::WatchSearchResponse& response) {
          if (response.has_search()) {
            latest = response.search();
            display.Show(latest);
          } else if (response.has_trial()) {
            display.Show(response.trial());
          }
        },
        InterruptGuard::Interrupted));
  }
  if (InterruptGuard::Interrupted() && !HasEnded(latest.state())) {
    return absl::CancelledError(absl::StrCat("stopped watching; the search goes on. `graft watch ",
                                             ShortName(name), "` follows it again, `graft cancel ",
                                             ShortName(name), "` ends it"));
  }
  return client.GetSearch(name);
}

std::string ResultJson(const v1::Search& search) {
  const v1::SearchProgress& progress = search.progress();
  google::protobuf::Struct result;
  auto& fields = *result.mutable_fields();
  fields["search"].set_string_value(search.name());
  fields["state"].set_string_value(StateLabel(search.state()));
  fields["trials"].set_number_value(static_cast<double>(progress.distinct_children()));
  fields["start_accuracy"].set_null_value({});
  fields["best_accuracy"].set_null_value({});
  if (progress.has_start_value()) {
    fields["start_accuracy"].set_number_value(progress.start_value());
  }
  if (progress.has_best_value()) fields["best_accuracy"].set_number_value(progress.best_value());
  fields["best_network"].set_string_value(progress.best_network());
  fields["max_preservation_error"].set_number_value(progress.max_preservation_error());
  if (search.has_report()) {
    fields["start_test_accuracy"].set_number_value(search.report().start_test_accuracy());
    fields["best_test_accuracy"].set_number_value(search.report().best_test_accuracy());
  }
  if (!search.error().empty()) fields["error"].set_string_value(search.error());
  return ToJson(result);
}

absl::StatusOr<std::string> ResultText(ClusterClient& client, const v1::Search& search) {
  std::string text = Describe(search);
  ASSIGN_OR_RETURN(const std::vector<v1::Network> best,
                   client.ListNetworks(search.name(), kBestNetworks));
  absl::StrAppend(&text, "\nBest networks\n", NetworkTable(best));
  if (!search.progress().best_network().empty()) {
    ASSIGN_OR_RETURN(const std::vector<v1::Network> lineage,
                     Lineage(client, search.progress().best_network()));
    absl::StrAppend(&text, "\nLineage of the best child\n", LineageTable(lineage));
  }
  return text;
}

absl::Status ReportResult(const Session& session, ClusterClient& client, const v1::Search& search) {
  if (session.json()) {
    std::cout << ResultJson(search);
  } else {
    ASSIGN_OR_RETURN(const std::string text, ResultText(client, search));
    std::cout << text;
  }
  std::cout << std::flush;
  if (search.state() == v1::SEARCH_STATE_SUCCEEDED) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("search ", ShortName(search.name()), " ",
                                         StateLabel(search.state()),
                                         search.error().empty() ? "" : ": ", search.error()));
}

absl::StatusOr<std::vector<v1::Network>> Lineage(ClusterClient& client, const std::string& name) {
  std::vector<v1::Network> chain;
  std::string next = name;
  while (!next.empty()) {
    if (chain.size() >= kMaxLineage) {
      return absl::OutOfRangeError(absl::StrCat("the lineage of ", name, " does not end"));
    }
    ASSIGN_OR_RETURN(v1::Network network, client.GetNetwork(next));
    next = network.parents().empty() ? "" : network.parents(0);
    chain.push_back(std::move(network));
  }
  std::reverse(chain.begin(), chain.end());
  return chain;
}

std::string LineageTable(const std::vector<v1::Network>& lineage) {
  Table table(
      {{"NETWORK"}, {"ACCURACY", Table::Align::kRight}, {"TRIAL"}, {"ARCHITECTURE"}, {"EDITS"}});
  for (const v1::Network& network : lineage) {
    const auto& metrics = network.measurement().metrics();
    const auto accuracy = metrics.find("accuracy");
    table.AddRow({ShortName(network.name()),
                  accuracy == metrics.end() ? "-" : FormatPercent(accuracy->second),
                  ShortName(network.trial()), network.summary(),
                  network.parents().empty() ? "start"
                  : network.edits().empty() ? "none: trained on"
                                            : EditsLabel(network.edits())});
  }
  return table.ToString();
}

}  // namespace graft::cli
