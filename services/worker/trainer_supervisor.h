// TrainerSupervisor: keeps one trainer process running and runs trials in it.
#ifndef GRAFT_SERVICES_WORKER_TRAINER_SUPERVISOR_H_
#define GRAFT_SERVICES_WORKER_TRAINER_SUPERVISOR_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "proto/graft/v1/trainer.pb.h"
#include "services/worker/trainer_process.h"

namespace graft::worker {

// An end without a result.
v1::TrialEnded FailedTrial(const std::string& trial, v1::FailureReason reason,
                           const std::string& message);

// A trainer that ends while it should run is a typed outcome: its trials end with
// FAILURE_REASON_CRASHED and it is started again. Thread-safe.
class TrainerSupervisor {
 public:
  // Returns once the trainer is ready. UNAVAILABLE if it ends before that.
  static absl::StatusOr<std::unique_ptr<TrainerSupervisor>> Start(const TrainerOptions& options);
  // Ends the trainer; no Run may be in progress.
  ~TrainerSupervisor();

  const std::string& numerics_class() const { return numerics_class_; }

  // Runs a trial and returns how it ended; blocks meanwhile. `on_progress` is called from a thread
  // of the supervisor after each epoch and with lines for the log. At most TrainerOptions::slots
  // trials at once, each under a name of its own: a name that runs already is refused.
  v1::TrialEnded Run(const v1::StartTrial& start,
                     const std::function<void(const v1::TrialProgress&)>& on_progress);

  // Asks the trainer to stop a trial; its Run then returns FAILURE_REASON_PREEMPTED. Does nothing
  // if the trial does not run.
  void Stop(const std::string& trial);

  std::int64_t crash_count() const;
  // For tests and logs; changes with each start.
  pid_t trainer_pid() const;

 private:
  struct RunningTrial {
    std::function<void(const v1::TrialProgress&)> on_progress;
    bool ended = false;
    v1::TrialEnded end;
  };

  explicit TrainerSupervisor(TrainerOptions options) : options_(std::move(options)) {}

  // Registers a trial and waits for a trainer to send it to; null if the trial has ended already.
  std::shared_ptr<TrainerProcess> Enter(const std::string& name, RunningTrial& trial);
  // Starts a trainer and reads its first message.
  absl::StatusOr<v1::TrainerReady> Launch();
  // Reads events until told to stop; starts a new trainer whenever one is gone.
  void ReadEvents();
  void Handle(const v1::TrainerEvent& event);
  void End(const v1::TrialEnded& end);
  void EndAllCrashed(const std::string& how);
  // Starts a trainer until one is ready or this is being destroyed.
  bool Relaunch();
  std::shared_ptr<TrainerProcess> process() const;

  const TrainerOptions options_;
  std::string numerics_class_;

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::shared_ptr<TrainerProcess> process_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, RunningTrial*> running_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::int64_t crashes_ ABSL_GUARDED_BY(mutex_) = 0;

  std::thread reader_;
};

}  // namespace graft::worker

#endif  // GRAFT_SERVICES_WORKER_TRAINER_SUPERVISOR_H_
