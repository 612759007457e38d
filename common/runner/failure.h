// Kinds of failure of a trial.
#ifndef GRAFT_COMMON_RUNNER_FAILURE_H_
#define GRAFT_COMMON_RUNNER_FAILURE_H_

#include <string_view>

#include "absl/status/status.h"

namespace graft::runner {

enum class FailureKind {
  kInvalid,       // the trial cannot be run as it is described
  kNotPreserved,  // the child is not the parent's function within the bound
  kDiverged,      // the loss or a parameter became infinite or not a number
  kOutOfMemory,
  kCancelled,  // it was told to stop
  kInternal,   // anything else
};

// "INVALID", "NOT_PRESERVED", "DIVERGED", "OUT_OF_MEMORY", "CANCELLED", "INTERNAL".
std::string_view FailureKindName(FailureKind kind);

// The kind of an error of Run; `status` is not OK.
FailureKind FailureKindOf(const absl::Status& status);

// FAILED_PRECONDITION of the kind kNotPreserved: the logits differ by `error`, relative to the
// parent's largest; `bound` was admitted.
absl::Status NotPreservedError(double error, double bound);

// CANCELLED, after so many completed epochs.
absl::Status StoppedError(int epochs_done);

}  // namespace graft::runner

#endif  // GRAFT_COMMON_RUNNER_FAILURE_H_
