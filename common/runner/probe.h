#ifndef GRAFT_COMMON_RUNNER_PROBE_H_
#define GRAFT_COMMON_RUNNER_PROBE_H_

#include "absl/status/statusor.h"
#include "common/arch/architecture.h"
#include "common/engine/backend.h"
#include "common/runner/examples.h"
#include "common/tensor/named_tensors.h"

namespace graft::runner {

// An architecture with weights by Architecture::TensorName. Both are borrowed.
struct WeightedNetwork {
  const arch::Architecture* architecture = nullptr;
  const tensor::NamedTensors* weights = nullptr;
};

// Largest |child - parent| over the largest |parent| of all elements of output 0 on `probe`, in
// inference with direct float32 kernels. Infinite if a value is not finite, or if the parent is
// zero throughout and the child is not. INVALID_ARGUMENT: weights or outputs that do not fit.
absl::StatusOr<double> PreservationError(engine::Backend& backend, const WeightedNetwork& parent,
                                         const WeightedNetwork& child, const ImageBatch& probe);

}  // namespace graft::runner

#endif  // GRAFT_COMMON_RUNNER_PROBE_H_
