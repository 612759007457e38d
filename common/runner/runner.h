// Runner: what a trainer does with one trial: inherit -> transform -> verify -> train -> measure.
#ifndef GRAFT_COMMON_RUNNER_RUNNER_H_
#define GRAFT_COMMON_RUNNER_RUNNER_H_

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/data/dataset.h"
#include "common/data/normalizer.h"
#include "common/digest/typed_digest.h"
#include "common/engine/backend.h"
#include "common/runner/failure.h"
#include "common/runner/inherit.h"
#include "common/tensor/named_tensors.h"
#include "common/trial/measurement.h"
#include "common/trial/trial_spec.h"

namespace graft::runner {

// All pointers are borrowed for the call.
struct RunInputs {
  const trial::TrialSpec* spec = nullptr;
  const data::Dataset* dataset = nullptr;
  const data::Normalizer* normalizer = nullptr;          // of `dataset`
  const tensor::NamedTensors* parent_weights = nullptr;  // null for Init
  std::optional<digest::Fingerprint> expected_fingerprint;
  // How an edit is applied. Tests put a broken transformation here.
  ApplyEdit apply_edit = transform::Apply;
};

struct RunOutputs {
  trial::Measurement measurement;
  // After training, by Architecture::TensorName.
  tensor::NamedTensors weights;
  // What calibrated edits recorded, float32 [C]: "edit-<i>.<node>.mean" and ".variance" (biased),
  // with i the number of the edit and <node> the canonical index, in five digits, of the value in
  // the architecture that the edit was applied to. Empty without such edits.
  tensor::NamedTensors calibration_statistics;
};

struct RunHooks {
  // Called after each epoch from the running thread. May be empty.
  std::function<void(const trial::EpochMeasurement&)> on_epoch;
  // Called from the running thread with a line for people about what is done. May be empty.
  std::function<void(std::string_view)> log;
  // Looked at before every step; true ends the run with CANCELLED. May be null; borrowed.
  const std::atomic<bool>* stop = nullptr;
};

// Runs a trial on the calling thread. Deterministic: equal inputs on one numerics class give equal
// weights and metrics to the bit; costs in time differ.
//
// Before training, parent and child are evaluated on a probe batch with exact kernels; the largest
// logit difference relative to the parent's largest logit is recorded. A child above the bound of
// its transformations (transform::PreservationBound) fails and never trains.
//
// Metrics: `accuracy` and `loss` after training on the split that the task names, `train_loss` of
// the last epoch, `initial_accuracy` and `initial_loss` before training on the same split; the
// first three for each epoch. Without epochs there is nothing but `accuracy` and `loss`.
//
// An error has a kind (FailureKindOf). Running out of memory is an error, not a crash.
absl::StatusOr<RunOutputs> Run(engine::Backend& backend, const RunInputs& inputs,
                               const RunHooks& hooks);

// Numerics class of trials that run on `backend`: the engine's version, the backend's name and what
// decides its bits, for example "2/cpu/onednn-2.6.3/avx512_core/kernels-1b0c3f5e/threads-1".
std::string NumericsClassOf(const engine::Backend& backend);

}  // namespace graft::runner

#endif  // GRAFT_COMMON_RUNNER_RUNNER_H_
