// EasPolicy: the reinforcement-learned policy of H. Cai, T. Chen, W. Zhang, Y. Yu, J. Wang,
// "Efficient architecture search by network transformation", AAAI 2018.
#ifndef GRAFT_SERVICES_CONTROLLER_POLICY_EAS_POLICY_H_
#define GRAFT_SERVICES_CONTROLLER_POLICY_EAS_POLICY_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/rng.h"
#include "common/space/search_space.h"
#include "services/controller/policy/adam.h"
#include "services/controller/policy/eas_network.h"
#include "services/controller/policy/policy.h"
#include "services/controller/policy/policy_options.h"
#include "services/controller/policy/reward.h"

namespace graft::policy {

// Values are accuracies, fractions in [0, 1]; the reward of a child is tan(pi/2 accuracy). An
// episode is one step of Adam on the loss of eas_network.h, in which each action of a child has the
// advantage (reward - baseline) / (measured children of the episode). Failed children are left out
// altogether; an episode without measured children changes nothing.
//
// Diagnostics: those of SummarizeValues; `mean_reward`, `baseline` (that was subtracted), `loss`,
// `entropy`, `widen_entropy`, `deepen_entropy`, `widen_probability`, `choice_probability`
// (LossTerms), `gradient_norm`, `updates`. Saved states do not hold them.
//
// State, in the terms of policy_state.h:
//   string "graft.policy.eas.1", generator, f64 baseline,
//   list of parameter blocks: (string name, u64 rows, u64 columns), floats parameters,
//   u64 Adam's steps, floats [beta1^steps, beta2^steps], floats first moments, floats second
//   moments.
// Not thread-safe.
class EasPolicy : public Policy {
 public:
  // `space` must outlive the policy; `options` are valid.
  EasPolicy(const EasOptions& options, const space::SearchSpace* space, std::uint64_t seed);

  void Start(double start_value) override;
  absl::StatusOr<Proposal> Propose(const arch::Architecture& parent) override;
  // INVALID_ARGUMENT: logged actions that do not fit their parent; nothing is learned then.
  absl::Status Observe(std::span<const Observation> episode) override;
  std::string SaveState() const override;
  // INVALID_ARGUMENT also if the state is of a policy over another space. On error the policy stays
  // as it was.
  absl::Status RestoreState(std::string_view state) override;
  std::map<std::string, double> Diagnostics() const override { return diagnostics_; }

  const EasNetwork& network() const { return network_; }

 private:
  // The steps of a logged child, each with the same advantage.
  absl::Status AppendSteps(const Observation& child, float advantage,
                           std::vector<WeightedStep>& steps) const;

  const EasOptions options_;
  const space::SearchSpace* const space_;
  base::Rng rng_;
  EasNetwork network_;
  AdamState adam_;
  RewardBaseline baseline_;
  std::map<std::string, double> diagnostics_;
};

}  // namespace graft::policy

#endif  // GRAFT_SERVICES_CONTROLLER_POLICY_EAS_POLICY_H_
