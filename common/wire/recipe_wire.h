// Recipes as they travel.
#ifndef GRAFT_COMMON_WIRE_RECIPE_WIRE_H_
#define GRAFT_COMMON_WIRE_RECIPE_WIRE_H_

#include "absl/status/statusor.h"
#include "common/recipe/recipe.h"
#include "proto/graft/v1/trial.pb.h"

namespace graft::wire {

v1::Recipe ToProto(const recipe::Recipe& recipe);

// Fields left out take the defaults that trial.proto names, but for a seed of 0, which whoever
// makes the trial replaces. INVALID_ARGUMENT: a field error, those of recipe::Validate included, or
// an option of another schedule.
absl::StatusOr<recipe::Recipe> FromProto(const v1::Recipe& proto);

}  // namespace graft::wire

#endif  // GRAFT_COMMON_WIRE_RECIPE_WIRE_H_
