#include "services/worker/quarantine.h"

#include <cstddef>
#include <mutex>

namespace graft::worker {
namespace {

constexpr int kCrashesBeforeQuarantine = 2;
constexpr std::size_t kMaxCrashesRemembered = 10'000;

}  // namespace

void Quarantine::RememberCrash(const std::string& trial) {
  const base::MutexLock lock(&mutex_);
  if (crashes_.size() < kMaxCrashesRemembered) ++crashes_[trial];
}

void Quarantine::Run(const std::string& trial, const std::function<void()>& run) {
  bool alone = false;
  {
    const base::MutexLock lock(&mutex_);
    const auto crashes = crashes_.find(trial);
    alone = crashes != crashes_.end() && crashes->second >= kCrashesBeforeQuarantine;
  }
  if (alone) {
    const std::unique_lock<std::shared_mutex> company(company_);
    run();
  } else {
    const std::shared_lock<std::shared_mutex> company(company_);
    run();
  }
}

}  // namespace graft::worker
