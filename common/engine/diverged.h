// The typed error of a training that left the finite numbers.
#ifndef GRAFT_COMMON_ENGINE_DIVERGED_H_
#define GRAFT_COMMON_ENGINE_DIVERGED_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace graft::engine {

// OUT_OF_RANGE with a payload that marks it: at step `step` (from 0) `tensor` held a NaN or an
// infinity. `tensor` is a parameter's tensor name, or "loss" while all parameters are still finite.
absl::Status DivergedError(std::int64_t step, std::string_view tensor);

// Whether `status` was made by DivergedError.
bool IsDiverged(const absl::Status& status);

}  // namespace graft::engine

#endif  // GRAFT_COMMON_ENGINE_DIVERGED_H_
