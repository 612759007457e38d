// Taking a network away: its architecture, weights, measurements and recipe as files.
#ifndef GRAFT_SERVICES_CLI_NETWORK_EXPORT_H_
#define GRAFT_SERVICES_CLI_NETWORK_EXPORT_H_

#include <string>

#include "absl/status/status.h"
#include "services/cli/cluster_client.h"

namespace graft::cli {

// Writes into `directory`, made if missing:
//   architecture.json    the graph, graft.v1.Architecture in JSON
//   weights.safetensors  its tensors, named `<canonical index>.<parameter>`
//   network.json         measurements, parents and edits, graft.v1.Network in JSON
//   trial.json           origin, task and recipe that made it, graft.v1.Trial in JSON
// A file is replaced whole or not at all.
absl::Status ExportNetwork(ClusterClient& client, const std::string& network,
                           const std::string& directory);

}  // namespace graft::cli

#endif  // GRAFT_SERVICES_CLI_NETWORK_EXPORT_H_
