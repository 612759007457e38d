// The measured values of an episode.
#ifndef GRAFT_SERVICES_CONTROLLER_POLICY_EPISODE_VALUES_H_
#define GRAFT_SERVICES_CONTROLLER_POLICY_EPISODE_VALUES_H_

#include <map>
#include <optional>
#include <span>
#include <string>

#include "services/controller/policy/policy.h"

namespace graft::policy {

// What a child measured; absent if it failed or measured no finite number (a diverged training).
std::optional<double> MeasuredValue(const Observation& observation);

// `children` and `failed`, their numbers; `mean_value` and `best_value` if any child was measured.
std::map<std::string, double> SummarizeValues(std::span<const Observation> episode);

}  // namespace graft::policy

#endif  // GRAFT_SERVICES_CONTROLLER_POLICY_EPISODE_VALUES_H_
