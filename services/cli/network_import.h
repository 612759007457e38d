#ifndef GRAFT_SERVICES_CLI_NETWORK_IMPORT_H_
#define GRAFT_SERVICES_CLI_NETWORK_IMPORT_H_

#include <string>

#include "absl/status/statusor.h"
#include "proto/graft/v1/search_service.pb.h"
#include "services/cli/cluster_client.h"

namespace graft::cli {

struct ImportFiles {
  std::string architecture;  // JSON or YAML: graft.v1.Architecture, short form or full
  std::string weights;       // safetensors
  std::string description;   // for people
};

// Uploads the weights and registers the network. A tensor is named as an export names it
// (`00012.weight`) or by its layer (`conv1.weight`); names that belong to no parameter are an
// error. INVALID_ARGUMENT names file and line, or the first tensor that does not fit the
// architecture.
absl::StatusOr<v1::Network> ImportNetwork(ClusterClient& client, const ImportFiles& files);

}  // namespace graft::cli

#endif  // GRAFT_SERVICES_CLI_NETWORK_IMPORT_H_
