// Uploading a data set: read, encode, store by digest, register under a name.
#ifndef GRAFT_SERVICES_CLI_DATASET_UPLOAD_H_
#define GRAFT_SERVICES_CLI_DATASET_UPLOAD_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/data/dataset_import.h"
#include "services/cli/cluster_client.h"

namespace graft::cli {

// Reads the data set in `path` as data::ImportDataset does. Its INVALID_ARGUMENT names the file
// that is not as expected; nothing is uploaded then. A blob that the store has already is not sent
// again. The classes of `fashion_mnist` get their published names.
absl::StatusOr<v1::Dataset> UploadDataset(ClusterClient& client, const std::string& name,
                                          const std::string& path,
                                          data::ImportOptions options = {});

}  // namespace graft::cli

#endif  // GRAFT_SERVICES_CLI_DATASET_UPLOAD_H_
