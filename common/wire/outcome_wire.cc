#include "common/wire/outcome_wire.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/wire/time_wire.h"

namespace graft::wire {
namespace {

using trial::FailureReason;

constexpr std::size_t kMaxMetrics = 1'000;
constexpr std::size_t kMaxMetricNameBytes = 128;
constexpr int kMaxEpochs = 100'000;
constexpr std::size_t kMaxMessageBytes = 4'096;

using MetricsProto = google::protobuf::Map<std::string, double>;

MetricsProto MetricsToProto(const trial::Metrics& metrics) {
  return {metrics.begin(), metrics.end()};
}

absl::StatusOr<trial::Metrics> MetricsFromProto(const MetricsProto& proto) {
  if (proto.size() > kMaxMetrics) {
    return base::InvalidFieldError(
        "metrics", absl::StrCat("has ", proto.size(), " entries, expected at most ", kMaxMetrics));
  }
  trial::Metrics metrics;
  for (const auto& [name, value] : proto) {
    if (name.empty() || name.size() > kMaxMetricNameBytes) {
      return base::InvalidFieldError(
          "metrics", absl::StrCat("expected names of 1 to ", kMaxMetricNameBytes, " bytes"));
    }
    if (!std::isfinite(value)) {
      return base::InvalidFieldError(absl::StrCat("metrics.", name),
                                     absl::StrCat("is ", value, ", expected a finite number"));
    }
    metrics.emplace(name, value);
  }
  return metrics;
}

v1::Cost CostToProto(const trial::Cost& cost) {
  v1::Cost proto;
  proto.set_parameters(cost.parameters);
  proto.set_macs(cost.macs);
  proto.set_activation_bytes(cost.activation_bytes);
  *proto.mutable_wall_time() = ToProto(cost.wall_time);
  *proto.mutable_device_time() = ToProto(cost.device_time);
  proto.set_images_per_second(cost.images_per_second);
  proto.set_bytes_moved(cost.bytes_moved);
  *proto.mutable_data_wait() = ToProto(cost.data_wait);
  return proto;
}

absl::StatusOr<absl::Duration> TimeFromProto(std::string_view field,
                                             const google::protobuf::Duration& proto) {
  const absl::StatusOr<absl::Duration> time = FromProto(proto);
  if (time.ok() && *time >= absl::ZeroDuration()) return time;
  return base::InvalidFieldError(field, "expected a duration of at least 0");
}

absl::StatusOr<trial::Cost> CostFromProto(const v1::Cost& proto) {
  trial::Cost cost{.parameters = proto.parameters(),
                   .macs = proto.macs(),
                   .activation_bytes = proto.activation_bytes(),
                   .images_per_second = proto.images_per_second(),
                   .bytes_moved = proto.bytes_moved()};
  if (std::min({cost.parameters, cost.macs, cost.activation_bytes, cost.bytes_moved}) < 0) {
    return base::InvalidFieldError("", "expected counts of at least 0");
  }
  if (!std::isfinite(cost.images_per_second) || cost.images_per_second < 0) {
    return base::InvalidFieldError("images_per_second", "expected a number of at least 0");
  }
  ASSIGN_OR_RETURN(cost.wall_time, TimeFromProto("wall_time", proto.wall_time()));
  ASSIGN_OR_RETURN(cost.device_time, TimeFromProto("device_time", proto.device_time()));
  ASSIGN_OR_RETURN(cost.data_wait, TimeFromProto("data_wait", proto.data_wait()));
  return cost;
}

absl::StatusOr<digest::WeightsDigest> WeightsFromProto(std::string_view field,
                                                       const std::string& text) {
  absl::StatusOr<digest::WeightsDigest> weights = digest::WeightsDigest::Parse(text);
  if (weights.ok()) return weights;
  return base::InvalidFieldError(field, base::ToStd(weights.status().message()));
}

v1::FailureReason ReasonToProto(FailureReason reason) {
  switch (reason) {
    case FailureReason::kInvalid:
      return v1::FAILURE_REASON_INVALID;
    case FailureReason::kNotPreserved:
      return v1::FAILURE_REASON_NOT_PRESERVED;
    case FailureReason::kDiverged:
      return v1::FAILURE_REASON_DIVERGED;
    case FailureReason::kOutOfMemory:
      return v1::FAILURE_REASON_OUT_OF_MEMORY;
    case FailureReason::kCrashed:
      return v1::FAILURE_REASON_CRASHED;
    case FailureReason::kLost:
      return v1::FAILURE_REASON_LOST;
    case FailureReason::kPreempted:
      return v1::FAILURE_REASON_PREEMPTED;
    case FailureReason::kInputMissing:
      return v1::FAILURE_REASON_INPUT_MISSING;
    case FailureReason::kInternal:
      return v1::FAILURE_REASON_INTERNAL;
    case FailureReason::kResourceExhausted:
      return v1::FAILURE_REASON_RESOURCE_EXHAUSTED;
  }
  GRAFT_CHECK(false) << "failure reason " << static_cast<int>(reason);
  return v1::FAILURE_REASON_UNSPECIFIED;
}

FailureReason ReasonFromProto(v1::FailureReason proto) {
  switch (proto) {
    case v1::FAILURE_REASON_INVALID:
      return FailureReason::kInvalid;
    case v1::FAILURE_REASON_NOT_PRESERVED:
      return FailureReason::kNotPreserved;
    case v1::FAILURE_REASON_DIVERGED:
      return FailureReason::kDiverged;
    case v1::FAILURE_REASON_OUT_OF_MEMORY:
      return FailureReason::kOutOfMemory;
    case v1::FAILURE_REASON_CRASHED:
      return FailureReason::kCrashed;
    case v1::FAILURE_REASON_LOST:
      return FailureReason::kLost;
    case v1::FAILURE_REASON_PREEMPTED:
      return FailureReason::kPreempted;
    case v1::FAILURE_REASON_INPUT_MISSING:
      return FailureReason::kInputMissing;
    case v1::FAILURE_REASON_RESOURCE_EXHAUSTED:
      return FailureReason::kResourceExhausted;
    default:
      return FailureReason::kInternal;
  }
}

}  // namespace

v1::EpochMeasurement ToProto(const trial::EpochMeasurement& epoch) {
  v1::EpochMeasurement proto;
  proto.set_epoch(epoch.epoch);
  *proto.mutable_metrics() = MetricsToProto(epoch.metrics);
  return proto;
}

absl::StatusOr<trial::EpochMeasurement> FromProto(const v1::EpochMeasurement& proto) {
  if (proto.epoch() < 0) {
    return base::InvalidFieldError("epoch",
                                   absl::StrCat("is ", proto.epoch(), ", expected at least 0"));
  }
  trial::EpochMeasurement epoch{.epoch = proto.epoch()};
  ASSIGN_OR_RETURN(epoch.metrics, MetricsFromProto(proto.metrics()));
  return epoch;
}

v1::Measurement ToProto(const trial::Measurement& measurement) {
  v1::Measurement proto;
  *proto.mutable_metrics() = MetricsToProto(measurement.metrics);
  for (const trial::EpochMeasurement& epoch : measurement.epochs) {
    *proto.add_epochs() = ToProto(epoch);
  }
  *proto.mutable_cost() = CostToProto(measurement.cost);
  if (measurement.preservation_error.has_value()) {
    proto.set_preservation_error(*measurement.preservation_error);
  }
  return proto;
}

absl::StatusOr<trial::Measurement> FromProto(const v1::Measurement& proto) {
  if (proto.epochs_size() > kMaxEpochs) {
    return base::InvalidFieldError(
        "epochs",
        absl::StrCat("has ", proto.epochs_size(), " entries, expected at most ", kMaxEpochs));
  }
  trial::Measurement measurement;
  ASSIGN_OR_RETURN(measurement.metrics, MetricsFromProto(proto.metrics()));
  for (int i = 0; i < proto.epochs_size(); ++i) {
    absl::StatusOr<trial::EpochMeasurement> epoch = FromProto(proto.epochs(i));
    if (!epoch.ok()) {
      return base::PrefixFieldViolations(absl::StrCat("epochs[", i, "]"), epoch.status());
    }
    measurement.epochs.push_back(*std::move(epoch));
  }
  absl::StatusOr<trial::Cost> cost = CostFromProto(proto.cost());
  if (!cost.ok()) return base::PrefixFieldViolations("cost", cost.status());
  measurement.cost = *cost;
  if (proto.has_preservation_error()) {
    if (!std::isfinite(proto.preservation_error()) || proto.preservation_error() < 0) {
      return base::InvalidFieldError("preservation_error", "expected a number of at least 0");
    }
    measurement.preservation_error = proto.preservation_error();
  }
  return measurement;
}

v1::TrialResult ToProto(const trial::TrialResult& result) {
  v1::TrialResult proto;
  *proto.mutable_measurement() = ToProto(result.measurement);
  proto.set_weights(result.weights.ToString());
  if (result.calibration_statistics.has_value()) {
    proto.set_calibration_statistics(result.calibration_statistics->ToString());
  }
  return proto;
}

absl::StatusOr<trial::TrialResult> FromProto(const v1::TrialResult& proto) {
  absl::StatusOr<trial::Measurement> measurement = FromProto(proto.measurement());
  if (!measurement.ok()) return base::PrefixFieldViolations("measurement", measurement.status());
  ASSIGN_OR_RETURN(const digest::WeightsDigest weights,
                   WeightsFromProto("weights", proto.weights()));
  trial::TrialResult result{.measurement = *std::move(measurement), .weights = weights};
  if (!proto.calibration_statistics().empty()) {
    ASSIGN_OR_RETURN(result.calibration_statistics,
                     WeightsFromProto("calibration_statistics", proto.calibration_statistics()));
  }
  return result;
}

v1::Failure ToProto(const trial::Failure& failure) {
  v1::Failure proto;
  proto.set_reason(ReasonToProto(failure.reason));
  proto.set_message(base::Readable(failure.message, kMaxMessageBytes));
  return proto;
}

trial::Failure FromProto(const v1::Failure& proto) {
  return {.reason = ReasonFromProto(proto.reason()),
          .message = base::Readable(proto.message(), kMaxMessageBytes)};
}

}  // namespace graft::wire
