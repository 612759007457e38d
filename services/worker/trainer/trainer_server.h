#ifndef GRAFT_SERVICES_WORKER_TRAINER_TRAINER_SERVER_H_
#define GRAFT_SERVICES_WORKER_TRAINER_TRAINER_SERVER_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "common/base/mutex.h"
#include "proto/graft/v1/trainer.pb.h"
#include "services/worker/trainer/trial_job.h"

namespace graft::worker {

// The trainer's side of the socket: reads requests and runs trials in slots, one thread each. Run
// and the destructor by one thread.
class TrainerServer {
 public:
  // `socket` and what `context` points to are borrowed.
  TrainerServer(int socket, const TrainerContext& context, std::int64_t slots);
  ~TrainerServer();

  // Says that it is ready and serves until the worker closes the socket; running trials are then
  // stopped between two steps. An error is that of a socket on which the worker speaks nonsense.
  absl::Status Run();

 private:
  struct Trial {
    v1::StartTrial start;
    std::atomic<bool> stop = false;
  };

  absl::Status ServeRequests();
  void Enqueue(const v1::StartTrial& start);
  void StopTrial(const std::string& name);
  // Ends all trials and threads.
  void Shutdown();

  void RunSlot();
  std::shared_ptr<Trial> NextTrial();
  void Send(const v1::TrainerEvent& event);

  const int socket_;
  const TrainerContext context_;
  const std::int64_t slots_;
  std::vector<std::thread> threads_;

  base::Mutex send_mutex_;  // one writer at a time; never held with mutex_

  base::Mutex mutex_;
  base::CondVar changed_;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<std::shared_ptr<Trial>> queue_ ABSL_GUARDED_BY(mutex_);
  // Those that are queued or run, by name.
  std::map<std::string, std::shared_ptr<Trial>> trials_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace graft::worker

#endif  // GRAFT_SERVICES_WORKER_TRAINER_TRAINER_SERVER_H_
