#include "common/engine/schedule.h"

#include <cmath>
#include <numbers>

#include "common/base/check.h"

namespace graft::engine {

float LearningRate(const Schedule& schedule, int epoch) {
  GRAFT_CHECK(schedule.epochs > 0 && epoch >= 1 && epoch <= schedule.epochs)
      << "epoch " << epoch << " of " << schedule.epochs;
  if (schedule.kind == Schedule::Kind::kConstant) return schedule.rate;
  // Rounding to float hides what the double cosine's last bit owes to the processor.
  const double progress = static_cast<double>(epoch - 1) / schedule.epochs;
  const auto factor = static_cast<float>(0.5 * (1 + std::cos(std::numbers::pi * progress)));
  return schedule.rate * factor;
}

}  // namespace graft::engine
