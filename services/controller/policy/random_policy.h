// RandomPolicy: uniform random legal actions, the control that a learned policy has to beat.
#ifndef GRAFT_SERVICES_CONTROLLER_POLICY_RANDOM_POLICY_H_
#define GRAFT_SERVICES_CONTROLLER_POLICY_RANDOM_POLICY_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "common/base/rng.h"
#include "common/space/search_space.h"
#include "services/controller/policy/policy.h"
#include "services/controller/policy/policy_options.h"

namespace graft::policy {

// The same steps as the EAS policy: in each widening step every legal layer is widened with
// probability 1/2; an insertion is uniform over the legal blocks, then over the block's legal
// positions, then over the legal kernels there. Learns nothing; an observation only updates
// Diagnostics: `mean_value` and `best_value` of the episode, `children`, `failed`.
//
// State, in the terms of policy_state.h: string "graft.policy.random.1", generator.
// Not thread-safe.
class RandomPolicy : public Policy {
 public:
  // `space` must outlive the policy.
  RandomPolicy(const RandomOptions& options, const space::SearchSpace* space, std::uint64_t seed);

  void Start(double start_value) override;
  absl::StatusOr<Proposal> Propose(const arch::Architecture& parent) override;
  absl::Status Observe(std::span<const Observation> episode) override;
  std::string SaveState() const override;
  absl::Status RestoreState(std::string_view state) override;
  std::map<std::string, double> Diagnostics() const override { return diagnostics_; }

 private:
  const RandomOptions options_;
  const space::SearchSpace* const space_;
  base::Rng rng_;
  std::map<std::string, double> diagnostics_;
};

}  // namespace graft::policy

#endif  // GRAFT_SERVICES_CONTROLLER_POLICY_RANDOM_POLICY_H_
