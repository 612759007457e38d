// Outcome: how an attempt at a trial ended.
#ifndef GRAFT_COMMON_TRIAL_OUTCOME_H_
#define GRAFT_COMMON_TRIAL_OUTCOME_H_

#include <optional>
#include <string>

#include "common/digest/typed_digest.h"
#include "common/trial/measurement.h"

namespace graft::trial {

// What a completed trial left behind.
struct TrialResult {
  Measurement measurement;
  // The trained weights' manifest in the weight store.
  digest::WeightsDigest weights;
  // Statistics that calibrated edits recorded; absent without such edits.
  std::optional<digest::WeightsDigest> calibration_statistics;
};

// Why an attempt ended without a result.
enum class FailureReason {
  kInvalid,       // the specification cannot be run
  kNotPreserved,  // an exact transformation missed its preservation bound
  kDiverged,      // the loss became infinite or not a number
  kOutOfMemory,
  kCrashed,       // the trainer process crashed while it ran the trial
  kLost,          // the lease expired
  kPreempted,     // the worker handed the trial back
  kInputMissing,  // a parent's weights or the data set could not be had from the store
  kInternal,      // anything else
  // A disk was full, the worker's or the store's, or the store's quota.
  kResourceExhausted,
};

struct Failure {
  FailureReason reason = FailureReason::kInternal;
  std::string message;  // for people

  friend bool operator==(const Failure&, const Failure&) = default;
};

}  // namespace graft::trial

#endif  // GRAFT_COMMON_TRIAL_OUTCOME_H_
