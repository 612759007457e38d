// TaskThread: work that must not run on a gRPC thread.
#ifndef GRAFT_SERVICES_CONTROLLER_TASK_THREAD_H_
#define GRAFT_SERVICES_CONTROLLER_TASK_THREAD_H_

#include <deque>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"

namespace graft::controller {

// One thread that runs posted tasks in order and, in between, one task again and again.
// Thread-safe.
class TaskThread {
 public:
  // `periodic` runs about every `period`; null: never.
  explicit TaskThread(std::function<void()> periodic = nullptr,
                      absl::Duration period = absl::InfiniteDuration());
  // Runs what was posted, then ends.
  ~TaskThread();

  void Post(std::function<void()> task);

 private:
  void Loop();
  // Waits for a task; null: it is time for the periodic one, or to end.
  std::function<void()> NextTask(absl::Time deadline, bool* stop);

  const std::function<void()> periodic_;
  const absl::Duration period_;

  base::Mutex mutex_;
  base::CondVar changed_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;

  std::thread thread_;  // last: begins when all else stands
};

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_TASK_THREAD_H_
