#include "services/controller/task_thread.h"

#include <utility>

#include "absl/time/clock.h"

namespace graft::controller {

TaskThread::TaskThread(std::function<void()> periodic, absl::Duration period)
    : periodic_(std::move(periodic)), period_(period), thread_([this] { Loop(); }) {}

TaskThread::~TaskThread() {
  {
    base::MutexLock lock(&mutex_);
    stop_ = true;
    changed_.Signal();
  }
  thread_.join();
}

void TaskThread::Post(std::function<void()> task) {
  base::MutexLock lock(&mutex_);
  tasks_.push_back(std::move(task));
  changed_.Signal();
}

void TaskThread::Loop() {
  absl::Time deadline = absl::Now() + period_;
  bool stop = false;
  while (true) {
    if (const std::function<void()> task = NextTask(deadline, &stop)) task();
    if (stop) return;
    if (periodic_ != nullptr && absl::Now() >= deadline) {
      periodic_();
      deadline = absl::Now() + period_;
    }
  }
}

std::function<void()> TaskThread::NextTask(absl::Time deadline, bool* stop) {
  base::MutexLock lock(&mutex_);
  while (tasks_.empty() && !stop_) {
    const absl::Duration wait = deadline - absl::Now();
    if (wait <= absl::ZeroDuration()) return nullptr;
    changed_.WaitFor(&mutex_, wait);
  }
  if (tasks_.empty()) {
    *stop = true;
    return nullptr;
  }
  std::function<void()> task = std::move(tasks_.front());
  tasks_.pop_front();
  return task;
}

}  // namespace graft::controller
