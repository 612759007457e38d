#include "common/engine/learning_rate.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <variant>

#include "common/base/check.h"

namespace graft::engine {

LearningRate::LearningRate(const recipe::Schedule& schedule, double peak, std::int64_t epochs,
                           std::int64_t steps_per_epoch)
    : schedule_(schedule),
      peak_(static_cast<float>(peak)),
      epochs_(epochs),
      steps_per_epoch_(steps_per_epoch) {
  GRAFT_CHECK(epochs > 0 && steps_per_epoch > 0) << epochs << " epochs of " << steps_per_epoch;
}

float LearningRate::At(std::int64_t step) const {
  const float factor =
      std::visit([&](const auto& shape) { return Factor(shape, step); }, schedule_.shape);
  const double warmup_steps = schedule_.warmup_epochs * static_cast<double>(steps_per_epoch_);
  const double warmup = static_cast<double>(step + 1) / warmup_steps;  // infinite without one
  return warmup < 1 ? peak_ * factor * static_cast<float>(warmup) : peak_ * factor;
}

void LearningRate::EndEpoch(double mean_loss) {
  const auto* const plateau = std::get_if<recipe::PlateauSchedule>(&schedule_.shape);
  if (plateau == nullptr) return;
  if (!best_loss_.has_value() || mean_loss < *best_loss_ * (1 - plateau->threshold)) {
    best_loss_ = mean_loss;
    bad_epochs_ = 0;
  } else if (++bad_epochs_ > plateau->patience) {
    plateau_factor_ *= plateau->factor;
    bad_epochs_ = 0;
  }
}

double LearningRate::Progress(double epochs_done) const {
  const double span = static_cast<double>(epochs_) - schedule_.warmup_epochs;
  return span > 0 ? std::max(0.0, (epochs_done - schedule_.warmup_epochs) / span) : 0;
}

float LearningRate::Factor(const recipe::ConstantSchedule&, std::int64_t) const { return 1; }

// Rounding to float hides what the double cosine's last bit owes to the processor.
float LearningRate::Factor(const recipe::CosineSchedule& cosine, std::int64_t step) const {
  const double epochs_done = static_cast<double>(step) / static_cast<double>(steps_per_epoch_);
  const double t = Progress(cosine.each_step ? epochs_done : std::floor(epochs_done));
  const double wave = 0.5 * (1 + std::cos(std::numbers::pi * t));
  return static_cast<float>(cosine.final_fraction + (1 - cosine.final_fraction) * wave);
}

float LearningRate::Factor(const recipe::StepSchedule& steps, std::int64_t step) const {
  const double t = Progress(static_cast<double>(step) / static_cast<double>(steps_per_epoch_));
  double factor = 1;
  for (const double milestone : steps.milestones) factor *= t >= milestone ? steps.factor : 1;
  return static_cast<float>(factor);
}

float LearningRate::Factor(const recipe::TriangularSchedule& triangular, std::int64_t step) const {
  const double t = Progress(static_cast<double>(step) / static_cast<double>(steps_per_epoch_));
  const double cycles = t * static_cast<double>(triangular.cycles);
  const double wave = 1 - std::abs(2 * (cycles - std::floor(cycles)) - 1);
  return static_cast<float>(triangular.final_fraction + (1 - triangular.final_fraction) * wave);
}

float LearningRate::Factor(const recipe::PlateauSchedule&, std::int64_t) const {
  return static_cast<float>(plateau_factor_);
}

}  // namespace graft::engine
