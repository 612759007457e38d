// ControllerClient: the calls of TrialService as a worker needs them.
#ifndef GRAFT_SERVICES_WORKER_CONTROLLER_CLIENT_H_
#define GRAFT_SERVICES_WORKER_CONTROLLER_CLIENT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "common/rpc/retry.h"
#include "proto/graft/v1/search_service.grpc.pb.h"
#include "proto/graft/v1/trial_service.grpc.pb.h"

namespace graft::worker {

// Thread-safe.
class ControllerClient {
 public:
  // `sleeper` waits between attempts and must outlive this.
  ControllerClient(const std::shared_ptr<grpc::Channel>& channel, rpc::Sleeper* sleeper);

  // One long poll; empty if nothing came up within `wait`. CANCELLED after CancelPoll.
  absl::StatusOr<std::vector<v1::Lease>> LeaseTrials(const v1::LeaseTrialsRequest& request,
                                                     absl::Duration wait);
  // Ends a running LeaseTrials and all later ones.
  void CancelPoll();

  absl::StatusOr<v1::HeartbeatResponse> Heartbeat(const v1::HeartbeatRequest& request);

  // Repeats until the controller has answered or the sleeper gives up: a finished result is not
  // lost because the controller is away. FAILED_PRECONDITION: the attempt is no longer ours.
  absl::Status ReportTrial(const v1::ReportTrialRequest& request);

  // Repeats as ReportTrial does.
  absl::StatusOr<v1::Cluster> GetCluster();

 private:
  const std::unique_ptr<v1::TrialService::Stub> trials_;
  const std::unique_ptr<v1::SearchService::Stub> searches_;
  rpc::Sleeper* const sleeper_;

  base::Mutex mutex_;
  grpc::ClientContext* poll_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace graft::worker

#endif  // GRAFT_SERVICES_WORKER_CONTROLLER_CLIENT_H_
