// Reads what a data set is from its blob.
#ifndef GRAFT_SERVICES_CONTROLLER_DATASET_READER_H_
#define GRAFT_SERVICES_CONTROLLER_DATASET_READER_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/blob/blob_store.h"
#include "common/digest/blob_digest.h"
#include "services/controller/core/entities.h"

namespace graft::controller {

// The data set `name` of the blob `digest`, of which only the header is read. Blocks.
// FAILED_PRECONDITION: the store has no such blob. INVALID_ARGUMENT, naming `dataset.digest`: it is
// not a data set, or not as long as its header says. Otherwise errors of the store.
absl::StatusOr<Dataset> ReadDataset(blob::BlobStore& store, const std::string& name,
                                    const digest::BlobDigest& digest);

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_DATASET_READER_H_
