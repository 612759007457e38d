// Learning-rate schedules, as descriptions; engine/learning_rate.h follows them.
//
// Each gives a factor of the peak rate. t in [0, 1) is how much of the training after the warm-up
// is done.
#ifndef GRAFT_COMMON_RECIPE_SCHEDULE_H_
#define GRAFT_COMMON_RECIPE_SCHEDULE_H_

#include <cstdint>
#include <variant>
#include <vector>

namespace graft::recipe {

// 1.
struct ConstantSchedule {};

// f + (1 - f) / 2 (1 + cos(pi t)) with f = final_fraction (I. Loshchilov, F. Hutter, "SGDR:
// Stochastic Gradient Descent with Warm Restarts", ICLR 2017).
struct CosineSchedule {
  double final_fraction = 0;
  // Whether t moves with each step; if not, with each epoch, as EAS published.
  bool each_step = false;
};

// factor^k, where k is how many milestones t has reached.
struct StepSchedule {
  std::vector<double> milestones = {0.5, 0.75};  // in (0, 1), ascending
  double factor = 0.1;
};

// f + (1 - f) (1 - |2 (t cycles mod 1) - 1|) with f = final_fraction, with each step (L. Smith,
// "Cyclical Learning Rates for Training Neural Networks", WACV 2017).
struct TriangularSchedule {
  std::int64_t cycles = 1;
  double final_fraction = 0;
};

// Multiplied by `factor` when the epoch's training loss was not below (1 - threshold) times the
// best for more than `patience` epochs in a row, as PyTorch's ReduceLROnPlateau.
struct PlateauSchedule {
  double factor = 0.1;
  std::int64_t patience = 10;
  double threshold = 1e-4;
};

struct Schedule {
  std::variant<CosineSchedule, ConstantSchedule, StepSchedule, TriangularSchedule, PlateauSchedule>
      shape;
  // Step s (from 1) of the first w = warmup_epochs * steps-per-epoch steps has the factor s / w of
  // what the schedule begins with. 0: none. Not with a triangular schedule, which begins low.
  double warmup_epochs = 0;
};

}  // namespace graft::recipe

#endif  // GRAFT_COMMON_RECIPE_SCHEDULE_H_
