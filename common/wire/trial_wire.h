// Trials as they travel. How they end is in outcome_wire.h.
#ifndef GRAFT_COMMON_WIRE_TRIAL_WIRE_H_
#define GRAFT_COMMON_WIRE_TRIAL_WIRE_H_

#include "absl/status/statusor.h"
#include "common/trial/trial_spec.h"
#include "proto/graft/v1/trial.pb.h"

namespace graft::wire {

v1::NetworkRef ToProto(const trial::NetworkRef& network);
// INVALID_ARGUMENT: a field error at `architecture...` or `weights`.
absl::StatusOr<trial::NetworkRef> FromProto(const v1::NetworkRef& proto);

v1::Origin ToProto(const trial::Origin& origin);
// An edit seed of 0 becomes trial::DefaultEditSeed. INVALID_ARGUMENT: a field error.
absl::StatusOr<trial::Origin> FromProto(const v1::Origin& proto);

v1::Task ToProto(const trial::Task& task);
// Fields left out take the defaults that trial.proto names, but for counts whose 0 has a meaning in
// trial_spec.h. The data set's digest may be missing. INVALID_ARGUMENT: a field error, those of
// trial::Validate included.
absl::StatusOr<trial::Task> FromProto(const v1::Task& proto);

v1::TrialSpec ToProto(const trial::TrialSpec& spec);
// A whole, valid spec. INVALID_ARGUMENT: a field error, for example at `recipe.batch_size`.
absl::StatusOr<trial::TrialSpec> FromProto(const v1::TrialSpec& proto);

}  // namespace graft::wire

#endif  // GRAFT_COMMON_WIRE_TRIAL_WIRE_H_
