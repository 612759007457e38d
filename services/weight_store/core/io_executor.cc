#include "services/weight_store/core/io_executor.h"

#include <utility>

namespace graft::weight_store {

IoExecutor::IoExecutor(int thread_count) {
  for (int i = 0; i < thread_count; ++i) threads_.emplace_back([this] { Work(); });
}

IoExecutor::~IoExecutor() {
  {
    base::MutexLock lock(&mutex_);
    closing_ = true;
    changed_.SignalAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

void IoExecutor::Run(std::function<void()> task) {
  base::MutexLock lock(&mutex_);
  tasks_.push_back(std::move(task));
  changed_.Signal();
}

void IoExecutor::Work() {
  while (true) {
    std::function<void()> task;
    {
      base::MutexLock lock(&mutex_);
      while (tasks_.empty() && !closing_) changed_.Wait(&mutex_);
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

}  // namespace graft::weight_store
