#include "services/worker/trainer/trial_job.h"

#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/blob/disk_blob_store.h"
#include "common/runner/runner.h"
#include "common/trial/outcome.h"
#include "common/weights/weights.h"
#include "common/wire/log_wire.h"
#include "common/wire/outcome_wire.h"
#include "common/wire/trial_wire.h"

namespace graft::worker {
namespace {

using trial::FailureReason;

constexpr char kInputMissing[] = "INPUT_MISSING";
constexpr char kDiskFull[] = "DISK_FULL";

// Marks an error of reading what the worker should have put at a path.
template <typename T>
absl::StatusOr<T> InputOf(absl::StatusOr<T> input) {
  if (!input.ok()) return base::WithReason(input.status(), kInputMissing);
  return input;
}

FailureReason ReasonOf(const absl::Status& status) {
  if (base::ErrorReason(status) == kInputMissing) return FailureReason::kInputMissing;
  if (base::ErrorReason(status) == kDiskFull) return FailureReason::kResourceExhausted;
  switch (runner::FailureKindOf(status)) {
    case runner::FailureKind::kInvalid:
      return FailureReason::kInvalid;
    case runner::FailureKind::kNotPreserved:
      return FailureReason::kNotPreserved;
    case runner::FailureKind::kDiverged:
      return FailureReason::kDiverged;
    case runner::FailureKind::kOutOfMemory:
      return FailureReason::kOutOfMemory;
    case runner::FailureKind::kCancelled:
      return FailureReason::kPreempted;
    case runner::FailureKind::kInternal:
      return FailureReason::kInternal;
  }
  GRAFT_CHECK(false) << status.ToString();
  return FailureReason::kInternal;
}

// The folders live as long as the trial and are checked when they are read.
absl::StatusOr<std::unique_ptr<blob::DiskBlobStore>> OpenFolder(const std::string& path) {
  return blob::DiskBlobStore::Open({.directory = path, .sync_writes = false});
}

absl::StatusOr<tensor::NamedTensors> LoadParent(const trial::Derive& derive,
                                                const std::string& inputs_path) {
  ASSIGN_OR_RETURN(const std::unique_ptr<blob::DiskBlobStore> store, OpenFolder(inputs_path));
  return weights::LoadWeights(trial::Parent(derive).weights, store.get());
}

// A full disk is not a lack of memory.
absl::Status StorageError(const absl::Status& status) {
  if (!absl::IsResourceExhausted(status)) return status;
  return base::WithReason(base::Annotate(status, "no space for the results"), kDiskFull);
}

absl::StatusOr<trial::TrialResult> SaveOutputs(runner::RunOutputs outputs,
                                               const std::string& outputs_path) {
  ASSIGN_OR_RETURN(const std::unique_ptr<blob::DiskBlobStore> store, OpenFolder(outputs_path));
  ASSIGN_OR_RETURN(const digest::WeightsDigest weights,
                   weights::SaveWeights(outputs.weights, store.get()));
  trial::TrialResult result{.measurement = std::move(outputs.measurement), .weights = weights};
  if (!outputs.calibration_statistics.empty()) {
    ASSIGN_OR_RETURN(result.calibration_statistics,
                     weights::SaveWeights(outputs.calibration_statistics, store.get()));
  }
  return result;
}

absl::StatusOr<trial::TrialResult> Execute(
    const TrainerContext& context, const v1::StartTrial& start, const std::atomic<bool>& stop,
    const std::function<void(const v1::TrialProgress&)>& on_progress) {
  ASSIGN_OR_RETURN(const trial::TrialSpec spec, wire::FromProto(start.spec()));
  ASSIGN_OR_RETURN(const digest::Fingerprint fingerprint,
                   digest::Fingerprint::Parse(start.fingerprint()));
  if (spec.recipe.threads != context.threads_per_trial) {
    return base::InvalidFieldError(
        "recipe.threads", absl::StrCat("is ", spec.recipe.threads, ", this worker's trials have ",
                                       context.threads_per_trial));
  }
  ASSIGN_OR_RETURN(const std::shared_ptr<const LoadedDataset> loaded,
                   InputOf(context.datasets->Get(start.dataset_path())));
  tensor::NamedTensors parent;
  const auto* derive = std::get_if<trial::Derive>(&spec.origin);
  if (derive != nullptr) {
    ASSIGN_OR_RETURN(parent, InputOf(LoadParent(*derive, start.inputs_path())));
  }
  const auto on_epoch = [&](const trial::EpochMeasurement& epoch) {
    v1::TrialProgress progress;
    progress.set_trial(start.trial());
    *progress.mutable_measurement() = wire::ToProto(epoch);
    on_progress(progress);
  };
  const auto log = [&](std::string_view line) {
    v1::TrialProgress progress;
    progress.set_trial(start.trial());
    *progress.mutable_log() = wire::ToProto(trial::LogEntry{.message = std::string(line)});
    on_progress(progress);
  };
  ASSIGN_OR_RETURN(runner::RunOutputs outputs,
                   runner::Run(*context.backend,
                               {.spec = &spec,
                                .dataset = &loaded->dataset,
                                .normalizer = &loaded->normalizer,
                                .parent_weights = derive == nullptr ? nullptr : &parent,
                                .expected_fingerprint = fingerprint},
                               {.on_epoch = on_epoch, .log = log, .stop = &stop}));
  absl::StatusOr<trial::TrialResult> result = SaveOutputs(std::move(outputs), start.outputs_path());
  if (!result.ok()) return StorageError(result.status());
  return result;
}

absl::StatusOr<trial::TrialResult> ExecuteGuarded(
    const TrainerContext& context, const v1::StartTrial& start, const std::atomic<bool>& stop,
    const std::function<void(const v1::TrialProgress&)>& on_progress) {
  if (stop.load()) return absl::CancelledError("stopped before it began");
  try {
    return Execute(context, start, stop, on_progress);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory");
  }
}

}  // namespace

v1::TrialEnded RunTrialJob(const TrainerContext& context, const v1::StartTrial& start,
                           const std::atomic<bool>& stop,
                           const std::function<void(const v1::TrialProgress&)>& on_progress) {
  const absl::StatusOr<trial::TrialResult> result =
      ExecuteGuarded(context, start, stop, on_progress);
  v1::TrialEnded ended;
  ended.set_trial(start.trial());
  if (result.ok()) {
    *ended.mutable_result() = wire::ToProto(*result);
  } else {
    *ended.mutable_failure() = wire::ToProto(trial::Failure{
        .reason = ReasonOf(result.status()), .message = std::string(result.status().message())});
  }
  return ended;
}

}  // namespace graft::worker
