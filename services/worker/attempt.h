// Attempt: a trial that the worker has leased, from its inputs to its report.
#ifndef GRAFT_SERVICES_WORKER_ATTEMPT_H_
#define GRAFT_SERVICES_WORKER_ATTEMPT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/blob/blob_store.h"
#include "common/rpc/remote_blob_store.h"
#include "proto/graft/v1/trainer.pb.h"
#include "proto/graft/v1/trial_service.pb.h"
#include "services/worker/attempt_log.h"
#include "services/worker/controller_client.h"
#include "services/worker/quarantine.h"
#include "services/worker/trainer_supervisor.h"
#include "services/worker/trial_files.h"
#include "services/worker/worker_metrics.h"

namespace graft::worker {

// What the attempts of a worker share; must outlive them.
struct AttemptContext {
  std::string worker;       // name
  std::string description;  // of the worker, for people: host, version, numerics class
  std::string directory;    // an existing folder, for the attempts' own
  ControllerClient* controller = nullptr;
  rpc::RemoteBlobStore* remote = nullptr;
  blob::BlobStore* store = nullptr;  // in front of `remote`
  DatasetFiles* datasets = nullptr;
  TrainerSupervisor* trainer = nullptr;
  Quarantine* quarantine = nullptr;
  WorkerMetrics* metrics = nullptr;
  const base::Clock* clock = nullptr;
};

// Run is called once; the other functions may be called from any thread meanwhile.
class Attempt {
 public:
  Attempt(v1::Lease lease, const AttemptContext* context);

  const v1::Lease& lease() const { return lease_; }

  // Fetches the inputs, trains, uploads the result and reports how it ended, which is returned.
  v1::TrialEnded Run();

  // Stops training. Drop: the lease is gone, and nothing is reported but a result that is finished.
  // HandBack: PREEMPTED is. Both may come before the trainer knows of the trial: call them again
  // until Run returns.
  void Drop();
  void HandBack();

  // For a heartbeat; `log_budget_bytes` is what room there is for lines, and less afterwards.
  v1::LeaseStatus Status(std::size_t& log_budget_bytes) const;
  // The controller has answered a heartbeat with this status.
  void Acknowledge(const v1::LeaseStatus& status);

 private:
  enum class Wish { kRun, kDrop, kHandBack };

  void Interrupt(Wish wish);
  Wish wish() const;
  // From the inputs to the uploaded result.
  v1::TrialEnded Execute();
  absl::StatusOr<v1::StartTrial> Prepare(TrialFiles& files);
  v1::TrialEnded Train(const v1::StartTrial& start);
  void OnProgress(const v1::TrialProgress& progress);
  absl::Status Upload(const v1::TrialResult& result, TrialFiles& files);
  void Report(const v1::TrialEnded& end);

  const v1::Lease lease_;
  const AttemptContext* const context_;
  // Names the attempt to the trainer: a later one at the same trial may begin here while this one
  // is still being stopped.
  const std::string run_id_;

  // Of Run's thread.
  std::int64_t bytes_moved_ = 0;
  std::shared_ptr<const DatasetFile> dataset_;

  AttemptLog log_;

  mutable base::Mutex mutex_;
  v1::EpochMeasurement newest_epoch_ ABSL_GUARDED_BY(mutex_);
  Wish wish_ ABSL_GUARDED_BY(mutex_) = Wish::kRun;  // kDrop is final
};

}  // namespace graft::worker

#endif  // GRAFT_SERVICES_WORKER_ATTEMPT_H_
