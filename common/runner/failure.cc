#include "common/runner/failure.h"

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/field_error.h"
#include "common/engine/diverged.h"

namespace graft::runner {

std::string_view FailureKindName(FailureKind kind) {
  switch (kind) {
    case FailureKind::kInvalid:
      return "INVALID";
    case FailureKind::kNotPreserved:
      return "NOT_PRESERVED";
    case FailureKind::kDiverged:
      return "DIVERGED";
    case FailureKind::kOutOfMemory:
      return "OUT_OF_MEMORY";
    case FailureKind::kCancelled:
      return "CANCELLED";
    case FailureKind::kInternal:
      return "INTERNAL";
  }
  GRAFT_CHECK(false) << "failure kind " << static_cast<int>(kind);
  return "";
}

FailureKind FailureKindOf(const absl::Status& status) {
  GRAFT_CHECK(!status.ok());
  if (engine::IsDiverged(status)) return FailureKind::kDiverged;
  if (base::ErrorReason(status) == FailureKindName(FailureKind::kNotPreserved)) {
    return FailureKind::kNotPreserved;
  }
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kUnimplemented:
      return FailureKind::kInvalid;
    case absl::StatusCode::kResourceExhausted:
      return FailureKind::kOutOfMemory;
    case absl::StatusCode::kCancelled:
      return FailureKind::kCancelled;
    default:
      return FailureKind::kInternal;
  }
}

absl::Status NotPreservedError(double error, double bound) {
  return base::WithReason(
      absl::FailedPreconditionError(
          absl::StrCat("the transformation did not keep the parent's function: logits differ by ",
                       error, " of the parent's largest, expected at most ", bound)),
      FailureKindName(FailureKind::kNotPreserved));
}

absl::Status StoppedError(int epochs_done) {
  return absl::CancelledError(absl::StrCat("stopped after ", epochs_done, " epochs"));
}

}  // namespace graft::runner
