// TrainerProcess: one running graft-trainer and the socket to it.
#ifndef GRAFT_SERVICES_WORKER_TRAINER_PROCESS_H_
#define GRAFT_SERVICES_WORKER_TRAINER_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/child_process.h"
#include "common/base/fd.h"
#include "common/base/mutex.h"

namespace graft::v1 {
class TrainerEvent;
class TrainerRequest;
}  // namespace graft::v1

namespace graft::worker {

struct TrainerOptions {
  std::string program;  // path of graft-trainer
  std::string backend;  // "cpu" or "reference"
  std::int64_t slots = 1;
  std::int64_t threads_per_trial = 1;
  std::int64_t trial_memory_bytes = 0;  // 0: no limit
  std::string kernel_table;             // file; empty: the one that is shipped
};

// Owns the process: it is killed and reaped when this is destroyed. It gets its end of a socket
// pair as a file descriptor and the environment of this process, with a passive OpenMP wait policy
// (spinning threads of several slots would take each other's cores). Send may be called from any
// thread, Receive and Close from one.
class TrainerProcess {
 public:
  static absl::StatusOr<std::unique_ptr<TrainerProcess>> Start(const TrainerOptions& options);

  absl::Status Send(const v1::TrainerRequest& request);

  // False once the trainer has gone.
  absl::StatusOr<bool> Receive(v1::TrainerEvent* event);

  // Closes the socket, on which the trainer exits by itself, waits for that and reaps it; kills it
  // if it takes longer than a few seconds. Returns "exited with status 0", "killed by signal 9".
  std::string Close();

  // Stays the same after the end.
  pid_t pid() const { return pid_; }

 private:
  TrainerProcess(base::ChildProcess process, base::UniqueFd socket)
      : pid_(process.pid()), socket_(std::move(socket)), process_(std::move(process)) {}

  const pid_t pid_;
  const base::UniqueFd socket_;
  base::Mutex send_mutex_;
  base::ChildProcess process_;
};

}  // namespace graft::worker

#endif  // GRAFT_SERVICES_WORKER_TRAINER_PROCESS_H_
