#ifndef GRAFT_SERVICES_CONTROLLER_STORED_WEIGHTS_H_
#define GRAFT_SERVICES_CONTROLLER_STORED_WEIGHTS_H_

#include "absl/status/status.h"
#include "common/arch/architecture.h"
#include "common/blob/blob_store.h"
#include "common/digest/typed_digest.h"

namespace graft::controller {

// OK if the store has these weights and they are the architecture's parameters; reads the manifest
// alone. FAILED_PRECONDITION: the store has not all of their blobs. INVALID_ARGUMENT, at `weights`:
// they are no weights, or do not fit; names the first tensor that does not.
absl::Status CheckStoredWeights(blob::BlobStore& store, const arch::Architecture& architecture,
                                const digest::WeightsDigest& weights);

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_STORED_WEIGHTS_H_
