// Learning rates by epoch.
#ifndef GRAFT_COMMON_ENGINE_SCHEDULE_H_
#define GRAFT_COMMON_ENGINE_SCHEDULE_H_

namespace graft::engine {

struct Schedule {
  enum class Kind {
    kConstant,  // rate
    kCosine,    // rate / 2 (1 + cos(pi (e - 1) / epochs)): constant within an epoch, as EAS has it
  };
  Kind kind = Kind::kCosine;
  float rate = 0.02F;
  // Epochs of the whole recipe; > 0.
  int epochs = 1;
};

// Rate in epoch `epoch`, 1 .. schedule.epochs.
float LearningRate(const Schedule& schedule, int epoch);

}  // namespace graft::engine

#endif  // GRAFT_COMMON_ENGINE_SCHEDULE_H_
