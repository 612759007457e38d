#include "services/controller/wire/lease_wire.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/wire/log_wire.h"
#include "common/wire/outcome_wire.h"
#include "common/wire/time_wire.h"
#include "common/wire/trial_wire.h"

namespace graft::controller {
namespace {

constexpr int kMaxLeases = 1024;

absl::StatusOr<Attempt> AttemptFromProto(const std::string& trial, std::int64_t attempt) {
  const absl::StatusOr<digest::TrialKey> key = digest::TrialKey::Parse(trial);
  if (!key.ok()) return base::InvalidFieldError("trial", base::ToStd(key.status().message()));
  return Attempt{.key = *key, .number = attempt};
}

absl::StatusOr<LeaseStatus> LeaseStatusFromProto(const v1::LeaseStatus& proto) {
  ASSIGN_OR_RETURN(const Attempt attempt, AttemptFromProto(proto.trial(), proto.attempt()));
  LeaseStatus status{.attempt = attempt, .progress = {.epochs_done = proto.epochs_done()}};
  if (proto.has_measurement()) {
    absl::StatusOr<trial::EpochMeasurement> epoch = wire::FromProto(proto.measurement());
    if (!epoch.ok()) return base::PrefixFieldViolations("measurement", epoch.status());
    status.progress.measurement = *std::move(epoch);
  }
  return status;
}

v1::Directive ToProto(Directive directive) {
  return directive == Directive::kContinue ? v1::DIRECTIVE_CONTINUE : v1::DIRECTIVE_STOP;
}

}  // namespace

std::vector<trial::LogEntry> LogFromProto(
    const google::protobuf::RepeatedPtrField<v1::TrialLogEntry>& lines) {
  std::vector<trial::LogEntry> entries;
  for (const v1::TrialLogEntry& line : lines) {
    if (line.line() < 1 || line.line() > trial::kMaxLogLines) continue;
    entries.push_back(wire::FromProto(line));
  }
  return entries;
}

WorkerInfo WorkerInfoFromProto(const v1::WorkerInfo& worker) {
  return {.name = worker.name(),
          .slots = worker.slots(),
          .threads = worker.threads() == 0 ? 1 : worker.threads(),
          .numerics_class = worker.numerics_class(),
          .host = worker.host(),
          .version = worker.version()};
}

absl::StatusOr<LeaseRequest> LeaseRequestFromProto(const v1::LeaseTrialsRequest& request) {
  return LeaseRequest{
      .worker = WorkerInfoFromProto(request.worker()),
      .slots = request.slots(),
      .cached_weights = {request.cached_digests().begin(), request.cached_digests().end()},
      .request_id = request.request_id()};
}

absl::StatusOr<absl::Duration> WaitFromProto(const v1::LeaseTrialsRequest& request,
                                             absl::Duration max_wait) {
  const absl::StatusOr<absl::Duration> wait = wire::FromProto(request.wait());
  if (!wait.ok() || *wait < absl::ZeroDuration()) {
    return base::InvalidFieldError("wait", "expected a duration of at least 0");
  }
  return std::min(*wait, max_wait);
}

absl::StatusOr<std::vector<LeaseStatus>> LeaseStatusesFromProto(
    const v1::HeartbeatRequest& request) {
  if (request.leases_size() > kMaxLeases) {
    return base::InvalidFieldError("leases", absl::StrCat("expected at most ", kMaxLeases));
  }
  std::vector<LeaseStatus> leases;
  for (int i = 0; i < request.leases_size(); ++i) {
    absl::StatusOr<LeaseStatus> lease = LeaseStatusFromProto(request.leases(i));
    if (!lease.ok()) {
      return base::PrefixFieldViolations(absl::StrCat("leases[", i, "]"), lease.status());
    }
    leases.push_back(*std::move(lease));
  }
  return leases;
}

absl::StatusOr<Report> ReportFromProto(const v1::ReportTrialRequest& request) {
  ASSIGN_OR_RETURN(const Attempt attempt, AttemptFromProto(request.trial(), request.attempt()));
  Report report{.worker = request.worker(), .attempt = attempt, .outcome = trial::Failure{}};
  switch (request.outcome_case()) {
    case v1::ReportTrialRequest::kResult: {
      absl::StatusOr<trial::TrialResult> result = wire::FromProto(request.result());
      if (!result.ok()) return base::PrefixFieldViolations("result", result.status());
      report.outcome = *std::move(result);
      return report;
    }
    case v1::ReportTrialRequest::kFailure:
      report.outcome = wire::FromProto(request.failure());
      return report;
    case v1::ReportTrialRequest::OUTCOME_NOT_SET:
      break;
  }
  return base::InvalidFieldError("outcome", "is missing: expected `result` or `failure`");
}

v1::Lease ToProto(const LeaseView& lease, absl::Duration duration) {
  v1::Lease proto;
  proto.set_trial(lease.attempt.key.ToString());
  proto.set_attempt(lease.attempt.number);
  *proto.mutable_spec() = wire::ToProto(*lease.spec);
  proto.set_fingerprint(lease.spec->architecture.fingerprint().ToString());
  *proto.mutable_duration() = wire::ToProto(duration);
  proto.set_display_name(ToString(lease.trial));
  return proto;
}

v1::HeartbeatResponse HeartbeatResponseToProto(const v1::HeartbeatRequest& request,
                                               const std::vector<Directive>& directives,
                                               absl::Duration interval) {
  v1::HeartbeatResponse response;
  for (std::size_t i = 0; i < directives.size(); ++i) {
    v1::LeaseDirective& directive = *response.add_directives();
    directive.set_trial(request.leases(static_cast<int>(i)).trial());
    directive.set_attempt(request.leases(static_cast<int>(i)).attempt());
    directive.set_directive(ToProto(directives[i]));
  }
  *response.mutable_interval() = wire::ToProto(interval);
  return response;
}

}  // namespace graft::controller
