// Following a search until it ends: shared by `submit --wait` and `watch`.
#ifndef GRAFT_SERVICES_CLI_WATCH_H_
#define GRAFT_SERVICES_CLI_WATCH_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/cli/session.h"

namespace graft::cli {

// Shows progress on stderr and returns the search as it ended. CANCELLED if the user interrupted
// the watching; the search itself goes on.
absl::StatusOr<v1::Search> FollowSearch(ClusterClient& client, const std::string& name);

// The one object that `submit --wait --output json` prints: search, state, trials (distinct
// children trained), start_accuracy, best_accuracy (over children alone), best_network, ...
std::string ResultJson(const v1::Search& search);

// The final tables: the best networks, the best one's lineage and the test accuracies.
absl::StatusOr<std::string> ResultText(ClusterClient& client, const v1::Search& search);

// Prints the result in the session's format. An error for a search that failed or was cancelled, so
// that the exit code says it.
absl::Status ReportResult(const Session& session, ClusterClient& client, const v1::Search& search);

// The chain from a start network to `name`, oldest first. A lineage longer than 10,000 is an error.
absl::StatusOr<std::vector<v1::Network>> Lineage(ClusterClient& client, const std::string& name);
std::string LineageTable(const std::vector<v1::Network>& lineage);

}  // namespace graft::cli

#endif  // GRAFT_SERVICES_CLI_WATCH_H_
