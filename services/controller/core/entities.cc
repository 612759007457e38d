#include "services/controller/core/entities.h"

#include <cmath>

namespace graft::controller {

std::string_view ToString(SearchState state) {
  switch (state) {
    case SearchState::kPending:
      return "pending";
    case SearchState::kRunning:
      return "running";
    case SearchState::kReporting:
      return "reporting";
    case SearchState::kPaused:
      return "paused";
    case SearchState::kSucceeded:
      return "succeeded";
    case SearchState::kFailed:
      return "failed";
    case SearchState::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

std::string_view ToString(TrialState state) {
  switch (state) {
    case TrialState::kQueued:
      return "queued";
    case TrialState::kLeased:
      return "leased";
    case TrialState::kCompleted:
      return "completed";
    case TrialState::kFailed:
      return "failed";
    case TrialState::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

std::string_view ToString(trial::FailureReason reason) {
  switch (reason) {
    case trial::FailureReason::kInvalid:
      return "invalid";
    case trial::FailureReason::kNotPreserved:
      return "not preserved";
    case trial::FailureReason::kDiverged:
      return "diverged";
    case trial::FailureReason::kOutOfMemory:
      return "out of memory";
    case trial::FailureReason::kCrashed:
      return "crashed";
    case trial::FailureReason::kLost:
      return "lost";
    case trial::FailureReason::kPreempted:
      return "preempted";
    case trial::FailureReason::kInputMissing:
      return "input missing";
    case trial::FailureReason::kInternal:
      return "internal";
    case trial::FailureReason::kResourceExhausted:
      return "resource exhausted";
  }
  return "unknown";
}

std::optional<double> ObjectiveValue(const Objective& objective,
                                     const trial::Measurement& measurement) {
  const auto metric = measurement.metrics.find(objective.metric);
  if (metric == measurement.metrics.end() || !std::isfinite(metric->second)) return std::nullopt;
  return objective.minimize ? -metric->second : metric->second;
}

}  // namespace graft::controller
