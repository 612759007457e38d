#ifndef GRAFT_SERVICES_WEIGHT_STORE_CORE_IO_EXECUTOR_H_
#define GRAFT_SERVICES_WEIGHT_STORE_CORE_IO_EXECUTOR_H_

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "common/base/mutex.h"

namespace graft::weight_store {

// A few threads for work that waits for the disk, which gRPC's own threads must not do. Tasks start
// in the order in which they were given. Thread-safe.
class IoExecutor {
 public:
  explicit IoExecutor(int thread_count);
  // Runs what was given, then ends the threads. Nobody may call Run any more.
  ~IoExecutor();

  void Run(std::function<void()> task);

 private:
  void Work();

  base::Mutex mutex_;
  base::CondVar changed_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace graft::weight_store

#endif  // GRAFT_SERVICES_WEIGHT_STORE_CORE_IO_EXECUTOR_H_
