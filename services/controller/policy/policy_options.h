// Options of the policies and the factory that makes one.
#ifndef GRAFT_SERVICES_CONTROLLER_POLICY_POLICY_OPTIONS_H_
#define GRAFT_SERVICES_CONTROLLER_POLICY_POLICY_OPTIONS_H_

#include <cstdint>
#include <memory>
#include <variant>

#include "absl/status/status.h"
#include "common/space/search_space.h"
#include "services/controller/policy/policy.h"

namespace graft::policy {

// Uniform random legal actions.
struct RandomOptions {
  int widen_actions = 4;
  int deepen_actions = 5;
};

enum class Baseline {
  kSlowAverage,  // b <- 0.95 b + 0.05 mean, from the start network's reward, updated after use
  kPublished,    // b <- b + 0.95 (mean - b), from 0, updated before use
};

// EAS, AAAI 2018.
struct EasOptions {
  int widen_actions = 4;
  int deepen_actions = 5;
  float learning_rate = 2e-3f;  // Adam
  float entropy_weight = 1e-5f;
  Baseline baseline = Baseline::kSlowAverage;
  float max_accuracy = 0.995f;  // clamp before tan(pi/2 accuracy)
};

using PolicyOptions = std::variant<RandomOptions, EasOptions>;

// INVALID_ARGUMENT: a field error with a path in proto names, for example `eas.learning_rate`.
absl::Status Validate(const PolicyOptions& options);

// Actions that are drawn for a child.
int ActionsPerChild(const PolicyOptions& options);
// Edits that a child has at most if no network has more than `max_layers` hidden layers: widening
// may widen each of them.
std::int64_t MaxEdits(const PolicyOptions& options, std::int64_t max_layers);

// `space` must outlive the policy; `options` are valid.
std::unique_ptr<Policy> MakePolicy(const PolicyOptions& options, const space::SearchSpace* space,
                                   std::uint64_t seed);

}  // namespace graft::policy

#endif  // GRAFT_SERVICES_CONTROLLER_POLICY_POLICY_OPTIONS_H_
