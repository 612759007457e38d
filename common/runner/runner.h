// Runner: what a trainer does with one trial: inherit -> transform -> verify -> train -> measure.
#ifndef GRAFT_COMMON_RUNNER_RUNNER_H_
#define GRAFT_COMMON_RUNNER_RUNNER_H_

#include <functional>
#include <optional>

#include "absl/status/statusor.h"
#include "common/data/dataset.h"
#include "common/engine/backend.h"
#include "common/tensor/named_tensors.h"
#include "common/trial/measurement.h"
#include "common/trial/trial_spec.h"

namespace graft::runner {

struct RunInputs {
  const trial::TrialSpec* spec = nullptr;              // borrowed for the call
  const data::Dataset* dataset = nullptr;              // borrowed for the call
  const tensor::NamedTensors* parent_weights = nullptr;  // null for Init
  std::optional<digest::Fingerprint> expected_fingerprint;
};

struct RunOutputs {
  trial::Measurement measurement;
  tensor::NamedTensors weights;                 // after training
  tensor::NamedTensors calibration_statistics;  // "edit-<i>.<node>.mean" and ".variance"; may be empty
};

struct RunHooks {
  // Called after each epoch from the running thread. May be empty.
  std::function<void(const trial::EpochMeasurement&)> on_epoch;
  // Asked at every step; true ends the run with CANCELLED. May be empty.
  std::function<bool()> should_stop;
};

// Runs a trial on the calling thread. Deterministic: equal inputs on one numerics class give equal bits.
//
// Before training, parent and child are evaluated on a probe batch with exact kernels; the largest logit
// difference relative to the parent's largest logit is recorded. A child above the bound of its
// transformations (transform::PreservationBound) fails and never trains.
//
// Errors carry a reason that FailureReasonOf reads: NOT_PRESERVED, DIVERGED, OUT_OF_MEMORY, INVALID;
// CANCELLED if should_stop said so.
absl::StatusOr<RunOutputs> Run(engine::Backend& backend, const RunInputs& inputs,
                               const RunHooks& hooks);

// Kind of a failure of Run.
enum class FailureKind { kInvalid, kNotPreserved, kDiverged, kOutOfMemory, kCancelled, kInternal };
FailureKind FailureKindOf(const absl::Status& status);

}  // namespace graft::runner

#endif  // GRAFT_COMMON_RUNNER_RUNNER_H_
