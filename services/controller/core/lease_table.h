// LeaseTable and WorkerTable: what a controller knows only while it runs.
//
// That an evaluation is leased, to whom and with which attempt is durable (State); until when the
// lease holds is not, because heartbeats are not events. A controller that starts gives every
// leased evaluation a full lease, so that no worker loses one to the restart.
#ifndef GRAFT_SERVICES_CONTROLLER_CORE_LEASE_TABLE_H_
#define GRAFT_SERVICES_CONTROLLER_CORE_LEASE_TABLE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/digest/typed_digest.h"
#include "common/trial/measurement.h"

namespace graft::controller {

// Until when leases hold, and what their workers said last. Not thread-safe.
class LeaseTable {
 public:
  struct Progress {
    std::int64_t epochs_done = 0;
    std::optional<trial::EpochMeasurement> measurement;  // the newest epoch's
  };

  // Begins or prolongs a lease.
  void Extend(const digest::TrialKey& key, absl::Time expiry);
  void Drop(const digest::TrialKey& key);
  // True if it says something new. The lease must exist.
  bool SetProgress(const digest::TrialKey& key, Progress progress);

  // Null without a lease.
  const Progress* FindProgress(const digest::TrialKey& key) const;
  // A lease that no longer holds at `now`, the earliest first.
  std::optional<digest::TrialKey> NextExpired(absl::Time now) const;
  std::int64_t size() const { return static_cast<std::int64_t>(leases_.size()); }

 private:
  struct Lease {
    absl::Time expiry;
    Progress progress;
  };

  std::map<digest::TrialKey, Lease> leases_;
  std::set<std::pair<absl::Time, digest::TrialKey>> by_expiry_;
};

// Who a worker is and what it can do.
struct WorkerInfo {
  std::string name;
  std::int64_t slots = 0;
  std::int64_t threads = 1;  // of each trial
  std::string numerics_class;
  std::string host;
  std::string version;
};

// An attempt at an evaluation.
struct Attempt {
  digest::TrialKey key;
  std::int64_t number = 0;

  friend auto operator<=>(const Attempt&, const Attempt&) = default;
};

// A worker, as last heard from.
struct Worker {
  WorkerInfo info;
  absl::Time last_seen;
  std::vector<Attempt> attempts;  // that it said, or was told, it runs
  // Its last lease request with an id, and what that was given.
  std::string lease_request;
  std::vector<Attempt> granted;
};

// Workers heard from lately. Not thread-safe.
class WorkerTable {
 public:
  // The worker, made if it is new.
  Worker& Hear(const WorkerInfo& info, absl::Time now);
  // Forgets workers last heard from before `time`. O(workers).
  void ForgetSilent(absl::Time time);

  // Slots of all workers of a numerics class.
  std::int64_t Slots(std::string_view numerics_class) const;

  const std::map<std::string, Worker>& workers() const { return workers_; }

 private:
  std::map<std::string, Worker> workers_;
  std::map<std::string, std::int64_t, std::less<>> slots_;  // by numerics class
};

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_CORE_LEASE_TABLE_H_
