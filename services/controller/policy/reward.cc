#include "services/controller/policy/reward.h"

#include <algorithm>
#include <numeric>

#include "common/base/check.h"
#include "services/controller/policy/float_math.h"

namespace graft::policy {

double Reward(double accuracy, double max_accuracy) {
  return TanHalfPi(std::clamp(accuracy, 0.0, max_accuracy));
}

void RewardBaseline::Start(double reward) {
  if (kind_ == Baseline::kSlowAverage) value_ = reward;
}

double RewardBaseline::Next(std::span<const double> rewards) {
  GRAFT_CHECK(!rewards.empty());
  const double mean =
      std::accumulate(rewards.begin(), rewards.end(), 0.0) / static_cast<double>(rewards.size());
  const double before = value_;
  if (kind_ == Baseline::kPublished) {
    value_ += 0.95 * (mean - value_);
    return value_;
  }
  value_ = 0.95 * value_ + 0.05 * mean;
  return before;
}

}  // namespace graft::policy
