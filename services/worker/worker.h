// Worker: leases trials, runs them in its trainer and reports them.
#ifndef GRAFT_SERVICES_WORKER_WORKER_H_
#define GRAFT_SERVICES_WORKER_WORKER_H_

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "common/blob/caching_blob_store.h"
#include "common/blob/disk_blob_store.h"
#include "common/metrics/registry.h"
#include "common/rpc/remote_blob_store.h"
#include "common/rpc/retry.h"
#include "proto/graft/v1/config.pb.h"
#include "services/worker/attempt.h"
#include "services/worker/controller_client.h"
#include "services/worker/quarantine.h"
#include "services/worker/trainer_supervisor.h"
#include "services/worker/trial_files.h"
#include "services/worker/worker_metrics.h"

namespace graft::worker {

// `config` with defaults filled in: name, slots, trainer, backend, cache.
absl::StatusOr<v1::WorkerConfig> WithDefaults(v1::WorkerConfig config);

// Keeps no state that matters: whatever it loses is leased again. One thread leases, one sends
// heartbeats, and each trial has one. Thread-safe.
class Worker {
 public:
  // `config` as of WithDefaults. Waits until the trainer is ready and the controller answers, or
  // until `sleeper` gives up. `metrics` must outlive the worker.
  static absl::StatusOr<std::unique_ptr<Worker>> Start(const v1::WorkerConfig& config,
                                                       rpc::InterruptibleSleeper* sleeper,
                                                       metrics::Registry* metrics);
  // Stops.
  ~Worker();

  // Leases nothing more, hands running trials back and returns when all are reported; after a few
  // seconds without success, when each has been tried once more.
  void Stop();

  TrainerSupervisor& trainer() { return *trainer_; }

 private:
  struct ActiveTrial {
    ActiveTrial(const v1::Lease& lease, const AttemptContext* shared) : attempt(lease, shared) {}

    Attempt attempt;
    bool done = false;
    std::thread thread;
  };

  Worker(const v1::WorkerConfig& config, rpc::InterruptibleSleeper* sleeper,
         metrics::Registry* metrics);
  absl::Status OpenStores(const v1::WorkerConfig& config);

  void LeaseLoop();
  // Waits for a free slot; 0 when stopping.
  std::int64_t AwaitFreeSlots();
  // Waits; false at once when stopping.
  bool Pause(absl::Duration duration);
  void Begin(const v1::Lease& lease);
  void Run(ActiveTrial& trial);
  // Joins the threads of trials that are done.
  void Reap() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void HeartbeatLoop();
  v1::HeartbeatRequest NewHeartbeat();
  void Obey(const v1::HeartbeatRequest& request, const v1::HeartbeatResponse& response);
  // Null if it has ended.
  Attempt* FindActive(const std::string& trial, std::int64_t attempt)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const v1::WorkerConfig config_;
  v1::WorkerInfo info_;
  rpc::InterruptibleSleeper* const sleeper_;
  WorkerMetrics metrics_;

  std::unique_ptr<ControllerClient> controller_;
  std::unique_ptr<rpc::RemoteBlobStore> remote_;
  std::unique_ptr<blob::DiskBlobStore> local_;
  std::unique_ptr<blob::CachingBlobStore> cache_;
  std::unique_ptr<DatasetFiles> datasets_;
  std::unique_ptr<TrainerSupervisor> trainer_;

  Quarantine quarantine_;
  AttemptContext shared_;

  base::Mutex mutex_;
  base::CondVar changed_;
  std::list<ActiveTrial> active_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // Before that, nothing is leased.
  absl::Time rest_until_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  rpc::Backoff disk_full_backoff_ ABSL_GUARDED_BY(mutex_);

  std::thread lease_thread_;
  std::thread heartbeat_thread_;
};

}  // namespace graft::worker

#endif  // GRAFT_SERVICES_WORKER_WORKER_H_
