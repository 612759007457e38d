// Quarantine: keeps a trial that crashes the trainer from taking others down with it.
#ifndef GRAFT_SERVICES_WORKER_QUARANTINE_H_
#define GRAFT_SERVICES_WORKER_QUARANTINE_H_

#include <functional>
#include <map>
#include <shared_mutex>
#include <string>

#include "common/base/mutex.h"

namespace graft::worker {

// Thread-safe.
class Quarantine {
 public:
  // `trial` was running when the trainer crashed.
  void RememberCrash(const std::string& trial);

  // Calls `run` beside others; alone, and after waiting for those, if the trial was there at two
  // crashes.
  void Run(const std::string& trial, const std::function<void()>& run);

 private:
  // Held exclusively by a trial that runs alone, shared by all others. (std::shared_mutex:
  // base::Mutex has no shared mode.)
  std::shared_mutex company_;

  base::Mutex mutex_;
  std::map<std::string, int> crashes_ ABSL_GUARDED_BY(mutex_);  // by trial; only those that had one
};

}  // namespace graft::worker

#endif  // GRAFT_SERVICES_WORKER_QUARANTINE_H_
