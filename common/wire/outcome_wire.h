// Measurements, results and failures as they travel.
#ifndef GRAFT_COMMON_WIRE_OUTCOME_WIRE_H_
#define GRAFT_COMMON_WIRE_OUTCOME_WIRE_H_

#include "absl/status/statusor.h"
#include "common/trial/measurement.h"
#include "common/trial/outcome.h"
#include "proto/graft/v1/trial.pb.h"

namespace graft::wire {

v1::EpochMeasurement ToProto(const trial::EpochMeasurement& epoch);
// INVALID_ARGUMENT: a field error: more than 1,000 metrics, a name above 128 bytes, a value that is
// not finite, a negative epoch.
absl::StatusOr<trial::EpochMeasurement> FromProto(const v1::EpochMeasurement& proto);

v1::Measurement ToProto(const trial::Measurement& measurement);
// INVALID_ARGUMENT: a field error as above, more than 100,000 epochs, a cost that is negative or
// not finite.
absl::StatusOr<trial::Measurement> FromProto(const v1::Measurement& proto);

v1::TrialResult ToProto(const trial::TrialResult& result);
// INVALID_ARGUMENT: a field error as above or at a digest.
absl::StatusOr<trial::TrialResult> FromProto(const v1::TrialResult& proto);

// Messages are cut to 4,096 bytes, and what is not UTF-8 is replaced.
v1::Failure ToProto(const trial::Failure& failure);
// A reason that is unknown here, from a newer peer, is kInternal.
trial::Failure FromProto(const v1::Failure& proto);

}  // namespace graft::wire

#endif  // GRAFT_COMMON_WIRE_OUTCOME_WIRE_H_
