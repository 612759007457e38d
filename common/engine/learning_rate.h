// Learning rates by step.
#ifndef GRAFT_COMMON_ENGINE_LEARNING_RATE_H_
#define GRAFT_COMMON_ENGINE_LEARNING_RATE_H_

#include <cstdint>
#include <optional>

#include "common/recipe/schedule.h"

namespace graft::engine {

// Follows a schedule (see recipe/schedule.h) through one training. Not thread-safe.
class LearningRate {
 public:
  // Epochs and steps > 0.
  LearningRate(const recipe::Schedule& schedule, double peak, std::int64_t epochs,
               std::int64_t steps_per_epoch);

  // Of step `step` of the whole training, from 0.
  float At(std::int64_t step) const;

  // What a plateau is judged by: the mean training loss of each epoch.
  void EndEpoch(double mean_loss);

 private:
  // t of recipe/schedule.h after so many epochs.
  double Progress(double epochs_done) const;
  float Factor(const recipe::ConstantSchedule& constant, std::int64_t step) const;
  float Factor(const recipe::CosineSchedule& cosine, std::int64_t step) const;
  float Factor(const recipe::StepSchedule& steps, std::int64_t step) const;
  float Factor(const recipe::TriangularSchedule& triangular, std::int64_t step) const;
  float Factor(const recipe::PlateauSchedule& plateau, std::int64_t step) const;

  const recipe::Schedule schedule_;
  const float peak_;
  const std::int64_t epochs_;
  const std::int64_t steps_per_epoch_;
  // Of a plateau.
  double plateau_factor_ = 1;
  std::optional<double> best_loss_;
  std::int64_t bad_epochs_ = 0;
};

}  // namespace graft::engine

#endif  // GRAFT_COMMON_ENGINE_LEARNING_RATE_H_
