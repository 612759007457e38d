// trial_service.proto <-> what the controller's core takes and gives.
#ifndef GRAFT_SERVICES_CONTROLLER_WIRE_LEASE_WIRE_H_
#define GRAFT_SERVICES_CONTROLLER_WIRE_LEASE_WIRE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/trial/log_entry.h"
#include "proto/graft/v1/trial_service.pb.h"
#include "services/controller/core/controller.h"

namespace graft::controller {

// A worker's report, parsed.
struct Report {
  std::string worker;
  Attempt attempt;
  Outcome outcome;
};

// All errors are INVALID_ARGUMENT with the field of the request.
WorkerInfo WorkerInfoFromProto(const v1::WorkerInfo& worker);
absl::StatusOr<LeaseRequest> LeaseRequestFromProto(const v1::LeaseTrialsRequest& request);
// Longer waits are cut to `max_wait`.
absl::StatusOr<absl::Duration> WaitFromProto(const v1::LeaseTrialsRequest& request,
                                             absl::Duration max_wait);
absl::StatusOr<std::vector<LeaseStatus>> LeaseStatusesFromProto(
    const v1::HeartbeatRequest& request);
absl::StatusOr<Report> ReportFromProto(const v1::ReportTrialRequest& request);

// Never fails: numbers outside of 1 to trial::kMaxLogLines are left out.
std::vector<trial::LogEntry> LogFromProto(
    const google::protobuf::RepeatedPtrField<v1::TrialLogEntry>& lines);

v1::Lease ToProto(const LeaseView& lease, absl::Duration duration);
v1::HeartbeatResponse HeartbeatResponseToProto(const v1::HeartbeatRequest& request,
                                               const std::vector<Directive>& directives,
                                               absl::Duration interval);

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_WIRE_LEASE_WIRE_H_
