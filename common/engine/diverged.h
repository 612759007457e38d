// The typed error of a training that left the finite numbers.
#ifndef GRAFT_COMMON_ENGINE_DIVERGED_H_
#define GRAFT_COMMON_ENGINE_DIVERGED_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/arch/architecture.h"
#include "common/engine/parameters.h"

namespace graft::engine {

// OUT_OF_RANGE with a payload that marks it: at step `step` (from 0) `tensor` was found to hold a
// NaN or an infinity, and nothing that it is computed from. `tensor` is "the value of 00004.relu",
// a node of the training graph; "the gradient of 00003.weight"; "00003.weight", a parameter that
// the step moved, or a batch norm's statistic, which is looked at after each epoch alone; or "the
// loss" of images that are not trained on.
absl::Status DivergedError(std::int64_t step, std::string_view tensor);

// Whether `status` was made by DivergedError.
bool IsDiverged(const absl::Status& status);

bool AllFinite(std::span<const float> values);

// Name of the first parameter that is not finite; none if all are.
std::optional<std::string> NonFiniteParameter(const arch::Architecture& architecture,
                                              const ParameterLayout& layout,
                                              const ParameterVector& parameters);

}  // namespace graft::engine

#endif  // GRAFT_COMMON_ENGINE_DIVERGED_H_
