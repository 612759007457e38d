// Rewards of the EAS policy and the baseline that is subtracted from them.
#ifndef GRAFT_SERVICES_CONTROLLER_POLICY_REWARD_H_
#define GRAFT_SERVICES_CONTROLLER_POLICY_REWARD_H_

#include <span>

#include "services/controller/policy/policy_options.h"

namespace graft::policy {

// tan(pi/2 a) with a = `accuracy` clamped to [0, max_accuracy], max_accuracy < 1: a point near 1
// counts for more than one near 0 (EAS, AAAI 2018, equation 3). Finite for all accuracies.
double Reward(double accuracy, double max_accuracy);

// Not thread-safe.
class RewardBaseline {
 public:
  explicit RewardBaseline(Baseline kind, double value = 0) : kind_(kind), value_(value) {}

  // The start network's reward: where the slow average begins.
  void Start(double reward);

  // What to subtract from these rewards, at least one; moves the baseline on.
  double Next(std::span<const double> rewards);

  double value() const { return value_; }

 private:
  Baseline kind_;
  double value_;
};

}  // namespace graft::policy

#endif  // GRAFT_SERVICES_CONTROLLER_POLICY_REWARD_H_
