#include "services/worker/attempt.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "common/wire/log_wire.h"

namespace graft::worker {
namespace {

using trial::LogSeverity;

// What a failure to move inputs or results is to the controller. A store that cannot be reached is
// no fault of the trial: it is handed back.
v1::FailureReason ReasonOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kDataLoss:
      return v1::FAILURE_REASON_INPUT_MISSING;
    case absl::StatusCode::kInvalidArgument:
      return v1::FAILURE_REASON_INVALID;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return v1::FAILURE_REASON_PREEMPTED;
    case absl::StatusCode::kResourceExhausted:
      return v1::FAILURE_REASON_RESOURCE_EXHAUSTED;
    default:
      return v1::FAILURE_REASON_INTERNAL;
  }
}

// Room for lines in a report: all of an attempt.
constexpr std::size_t kReportLogBytes = 2 << 20;

std::string EpochLine(const v1::EpochMeasurement& epoch, std::int64_t epochs) {
  std::string line = absl::StrCat("epoch ", epoch.epoch(), " of ", epochs, ":");
  const std::map<std::string, double> sorted(epoch.metrics().begin(), epoch.metrics().end());
  for (const auto& [name, value] : sorted) absl::StrAppend(&line, " ", name, " ", value);
  return line;
}

template <typename Message>
void AddLines(const std::vector<trial::LogEntry>& lines, Message& message) {
  for (const trial::LogEntry& line : lines) *message.add_log() = wire::ToProto(line);
}

}  // namespace

Attempt::Attempt(v1::Lease lease, const AttemptContext* context)
    : lease_(std::move(lease)),
      context_(context),
      run_id_(absl::StrCat(lease_.trial(), "#", lease_.attempt())),
      log_(context->clock) {}

void Attempt::Drop() { Interrupt(Wish::kDrop); }

void Attempt::HandBack() { Interrupt(Wish::kHandBack); }

void Attempt::Interrupt(Wish wish) {
  {
    const base::MutexLock lock(&mutex_);
    if (wish_ != Wish::kDrop) wish_ = wish;
  }
  context_->trainer->Stop(run_id_);
}

Attempt::Wish Attempt::wish() const {
  const base::MutexLock lock(&mutex_);
  return wish_;
}

v1::LeaseStatus Attempt::Status(std::size_t& log_budget_bytes) const {
  v1::LeaseStatus status;
  status.set_trial(lease_.trial());
  status.set_attempt(lease_.attempt());
  AddLines(log_.Pending(log_budget_bytes), status);
  const base::MutexLock lock(&mutex_);
  status.set_epochs_done(newest_epoch_.epoch());
  *status.mutable_measurement() = newest_epoch_;
  return status;
}

void Attempt::Acknowledge(const v1::LeaseStatus& status) {
  if (!status.log().empty()) log_.Acknowledge(status.log().rbegin()->line());
}

v1::TrialEnded Attempt::Run() {
  base::LogInfo("trial started", {{"trial", lease_.display_name()}, {"attempt", lease_.attempt()}});
  log_.Add(LogSeverity::kInfo, absl::StrCat("attempt ", lease_.attempt(), " on worker ",
                                            context_->worker, ", ", context_->description));
  const v1::TrialEnded end = Execute();
  if (end.has_result()) {
    log_.Add(LogSeverity::kInfo, "completed");
  } else {
    const v1::FailureReason reason = end.failure().reason();
    log_.Add(
        reason == v1::FAILURE_REASON_PREEMPTED ? LogSeverity::kWarning : LogSeverity::kError,
        absl::StrCat("ended as ", v1::FailureReason_Name(reason), ": ", end.failure().message()));
  }
  context_->metrics->CountEnd(end);
  // Before the report, after which another slot may lease the trial.
  if (end.failure().reason() == v1::FAILURE_REASON_CRASHED) {
    context_->quarantine->RememberCrash(lease_.trial());
  }
  // A result that is finished is offered in any case: a controller that wanted the trial dropped
  // refuses it.
  if (wish() == Wish::kDrop && !end.has_result()) {
    base::LogInfo("trial dropped", {{"trial", lease_.display_name()}});
  } else {
    Report(end);
  }
  return end;
}

v1::TrialEnded Attempt::Execute() {
  const auto failed = [&](const absl::Status& status) {
    return FailedTrial(lease_.trial(), ReasonOf(status), status.ToString());
  };
  absl::StatusOr<TrialFiles> files = TrialFiles::Create(context_->directory);
  if (!files.ok()) return failed(files.status());
  const absl::StatusOr<v1::StartTrial> start = Prepare(*files);
  if (!start.ok()) return failed(start.status());
  if (wish() != Wish::kRun) {
    return FailedTrial(lease_.trial(), v1::FAILURE_REASON_PREEMPTED,
                       "handed back before it started");
  }
  v1::TrialEnded end = Train(*start);
  if (end.has_result()) {
    const absl::Status uploaded = Upload(end.result(), *files);
    if (!uploaded.ok()) return failed(uploaded);
    end.mutable_result()->mutable_measurement()->mutable_cost()->set_bytes_moved(bytes_moved_);
  }
  context_->metrics->AddBytesMoved(static_cast<double>(bytes_moved_));
  return end;
}

absl::StatusOr<v1::StartTrial> Attempt::Prepare(TrialFiles& files) {
  v1::StartTrial start;
  start.set_trial(run_id_);
  *start.mutable_spec() = lease_.spec();
  start.set_fingerprint(lease_.fingerprint());
  start.set_inputs_path(files.inputs_path());
  start.set_outputs_path(files.outputs_path());
  for (const v1::Origin::Input& input : lease_.spec().origin().derive().inputs()) {
    ASSIGN_OR_RETURN(const digest::WeightsDigest weights,
                     digest::WeightsDigest::Parse(input.network().weights()));
    RETURN_IF_ERROR(base::Annotate(files.FetchWeights(weights, context_->store, &bytes_moved_),
                                   absl::StrCat("weights of the ", input.role())));
  }
  const std::string& dataset = lease_.spec().task().image_classification().dataset_digest();
  ASSIGN_OR_RETURN(const digest::BlobDigest digest, digest::BlobDigest::Parse(dataset));
  ASSIGN_OR_RETURN(dataset_, context_->datasets->Fetch(digest, context_->store, &bytes_moved_));
  start.set_dataset_path(dataset_->path());
  log_.Add(LogSeverity::kInfo, absl::StrCat("inputs are here, ", bytes_moved_, " bytes fetched"));
  return start;
}

v1::TrialEnded Attempt::Train(const v1::StartTrial& start) {
  v1::TrialEnded end;
  context_->quarantine->Run(lease_.trial(), [&] {
    end = context_->trainer->Run(
        start, [this](const v1::TrialProgress& progress) { OnProgress(progress); });
  });
  return end;
}

void Attempt::OnProgress(const v1::TrialProgress& progress) {
  if (progress.has_log()) {
    const trial::LogEntry entry = wire::FromProto(progress.log());
    log_.Add(entry.severity, entry.message);
  }
  if (!progress.has_measurement()) return;
  log_.Add(LogSeverity::kInfo, EpochLine(progress.measurement(), lease_.spec().recipe().epochs()));
  const base::MutexLock lock(&mutex_);
  newest_epoch_ = progress.measurement();
}

absl::Status Attempt::Upload(const v1::TrialResult& result, TrialFiles& files) {
  for (const std::string& text : {result.weights(), result.calibration_statistics()}) {
    if (text.empty()) continue;
    ASSIGN_OR_RETURN(const digest::WeightsDigest weights, digest::WeightsDigest::Parse(text));
    RETURN_IF_ERROR(files.UploadWeights(weights, context_->store, context_->remote, &bytes_moved_));
  }
  log_.Add(LogSeverity::kInfo, "the trained weights are in the store");
  return absl::OkStatus();
}

void Attempt::Report(const v1::TrialEnded& end) {
  v1::ReportTrialRequest report;
  report.set_worker(context_->worker);
  report.set_trial(lease_.trial());
  report.set_attempt(lease_.attempt());
  if (end.has_result()) {
    *report.mutable_result() = end.result();
  } else {
    *report.mutable_failure() = end.failure();
  }
  std::size_t log_budget_bytes = kReportLogBytes;
  AddLines(log_.Pending(log_budget_bytes), report);
  const absl::Status reported = context_->controller->ReportTrial(report);
  if (reported.ok()) {
    base::LogInfo("trial reported",
                  {{"trial", lease_.display_name()},
                   {"outcome", end.has_result() ? "completed"
                                                : v1::FailureReason_Name(end.failure().reason())},
                   {"message", end.failure().message()}});
  } else {
    base::LogWarning("report refused", {{"trial", lease_.display_name()}, {"status", reported}});
  }
}

}  // namespace graft::worker
