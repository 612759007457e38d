// One trial in the trainer: from the worker's request to what the worker reports.
#ifndef GRAFT_SERVICES_WORKER_TRAINER_TRIAL_JOB_H_
#define GRAFT_SERVICES_WORKER_TRAINER_TRIAL_JOB_H_

#include <atomic>
#include <cstdint>
#include <functional>

#include "common/engine/backend.h"
#include "proto/graft/v1/trainer.pb.h"
#include "services/worker/trainer/dataset_cache.h"

namespace graft::worker {

// What the jobs of a trainer share. Both are borrowed.
struct TrainerContext {
  engine::Backend* backend = nullptr;
  DatasetCache* datasets = nullptr;
  // Threads of one trial; a trial that asks for another number would compute other bits.
  std::int64_t threads_per_trial = 1;
};

// Runs a trial on the calling thread: reads data set and parent's weights from the paths of the
// request, trains, writes the weights and calibration statistics into a disk blob store at
// outputs_path. Every end is an answer: errors become failures with a reason, PREEMPTED once `stop`
// is set, OUT_OF_MEMORY where memory runs out anywhere, RESOURCE_EXHAUSTED where the disk is full,
// INPUT_MISSING for what is not at a path.
// `on_progress` is called after each epoch and with lines for the log, from this thread.
v1::TrialEnded RunTrialJob(const TrainerContext& context, const v1::StartTrial& start,
                           const std::atomic<bool>& stop,
                           const std::function<void(const v1::TrialProgress&)>& on_progress);

}  // namespace graft::worker

#endif  // GRAFT_SERVICES_WORKER_TRAINER_TRIAL_JOB_H_
