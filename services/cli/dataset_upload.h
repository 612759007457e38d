// Uploading a data set: read, encode, store by digest, register under a name.
#ifndef GRAFT_SERVICES_CLI_DATASET_UPLOAD_H_
#define GRAFT_SERVICES_CLI_DATASET_UPLOAD_H_

#include <string>

#include "absl/status/statusor.h"
#include "services/cli/cluster_client.h"

namespace graft::cli {

// Reads the IDX files of `path`. INVALID_ARGUMENT names the file that is not as expected; nothing
// is uploaded then. A blob that the store has already is not sent again.
absl::StatusOr<v1::Dataset> UploadDataset(ClusterClient& client, const std::string& name,
                                          const std::string& path);

}  // namespace graft::cli

#endif  // GRAFT_SERVICES_CLI_DATASET_UPLOAD_H_
