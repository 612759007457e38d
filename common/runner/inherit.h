// Makes a derived network's weights: parent -> edit -> edit -> ... -> child.
#ifndef GRAFT_COMMON_RUNNER_INHERIT_H_
#define GRAFT_COMMON_RUNNER_INHERIT_H_

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "common/arch/architecture.h"
#include "common/engine/backend.h"
#include "common/runner/examples.h"
#include "common/tensor/named_tensors.h"
#include "common/transform/transformation.h"
#include "common/trial/trial_spec.h"

namespace graft::runner {

// As transform::Apply.
using ApplyEdit = std::function<absl::StatusOr<transform::Transformed>(
    const arch::Architecture& parent, const transform::Edit& edit, std::uint64_t seed)>;

struct Inherited {
  arch::Architecture child;
  tensor::NamedTensors weights;
  tensor::NamedTensors calibration_statistics;  // as RunOutputs has them
  // The weakest promise of the edits; exact without any.
  transform::Preservation preservation = transform::Preservation::kExact;
};

// Applies the edits to the parent's weights. An edit that needs statistics of a value gets those of
// `calibration`, run through the network it is applied to in inference with exact kernels.
// INVALID_ARGUMENT: an edit is not legal, or the weights do not fit the parent.
absl::StatusOr<Inherited> Inherit(engine::Backend& backend, const trial::Derive& derive,
                                  const tensor::NamedTensors& parent_weights,
                                  const ImageBatch& calibration, const ApplyEdit& apply_edit);

}  // namespace graft::runner

#endif  // GRAFT_COMMON_RUNNER_INHERIT_H_
