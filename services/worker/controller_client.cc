#include "services/worker/controller_client.h"

#include <grpcpp/grpcpp.h>

#include "common/base/status_macros.h"
#include "common/rpc/client.h"
#include "common/rpc/status_conversion.h"
#include "common/wire/time_wire.h"

namespace graft::worker {
namespace {

constexpr absl::Duration kCallTimeout = absl::Seconds(10);
// Beyond a long poll's own wait, for the way there and back.
constexpr absl::Duration kPollSlack = absl::Seconds(10);
constexpr rpc::RetryPolicy kForEver = {.max_attempts = 0};

// A controller that is too slow to answer, or whose disk is full, is as good as away.
absl::Status AwayIsUnavailable(const absl::Status& status) {
  if (!absl::IsDeadlineExceeded(status) && !absl::IsResourceExhausted(status)) return status;
  return absl::UnavailableError(status.message());
}

}  // namespace

ControllerClient::ControllerClient(const std::shared_ptr<grpc::Channel>& channel,
                                   rpc::Sleeper* sleeper)
    : trials_(v1::TrialService::NewStub(channel)),
      searches_(v1::SearchService::NewStub(channel)),
      sleeper_(sleeper) {}

absl::StatusOr<std::vector<v1::Lease>> ControllerClient::LeaseTrials(
    const v1::LeaseTrialsRequest& request, absl::Duration wait) {
  v1::LeaseTrialsRequest polling = request;
  *polling.mutable_wait() = wire::ToProto(wait);
  grpc::ClientContext context;
  rpc::SetTimeout(wait + kPollSlack, &context);
  {
    const base::MutexLock lock(&mutex_);
    if (cancelled_) return absl::CancelledError("the worker stops");
    poll_ = &context;
  }
  v1::LeaseTrialsResponse response;
  const absl::Status status = rpc::FromGrpc(trials_->LeaseTrials(&context, polling, &response));
  {
    const base::MutexLock lock(&mutex_);
    poll_ = nullptr;
  }
  RETURN_IF_ERROR(status);
  return std::vector<v1::Lease>(response.leases().begin(), response.leases().end());
}

void ControllerClient::CancelPoll() {
  const base::MutexLock lock(&mutex_);
  cancelled_ = true;
  if (poll_ != nullptr) poll_->TryCancel();
}

absl::StatusOr<v1::HeartbeatResponse> ControllerClient::Heartbeat(
    const v1::HeartbeatRequest& request) {
  grpc::ClientContext context;
  rpc::SetTimeout(kCallTimeout, &context);
  v1::HeartbeatResponse response;
  RETURN_IF_ERROR(rpc::FromGrpc(trials_->Heartbeat(&context, request, &response)));
  return response;
}

absl::Status ControllerClient::ReportTrial(const v1::ReportTrialRequest& request) {
  return rpc::Retry(kForEver, sleeper_, [&] {
    grpc::ClientContext context;
    rpc::SetTimeout(kCallTimeout, &context);
    v1::ReportTrialResponse response;
    return AwayIsUnavailable(rpc::FromGrpc(trials_->ReportTrial(&context, request, &response)));
  });
}

absl::StatusOr<v1::Cluster> ControllerClient::GetCluster() {
  v1::Cluster cluster;
  RETURN_IF_ERROR(rpc::Retry(kForEver, sleeper_, [&] {
    grpc::ClientContext context;
    rpc::SetTimeout(kCallTimeout, &context);
    return AwayIsUnavailable(
        rpc::FromGrpc(searches_->GetCluster(&context, v1::GetClusterRequest(), &cluster)));
  }));
  return cluster;
}

}  // namespace graft::worker
