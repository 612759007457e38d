// Measurement: what a trial measured and what it cost.
#ifndef GRAFT_COMMON_TRIAL_MEASUREMENT_H_
#define GRAFT_COMMON_TRIAL_MEASUREMENT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace graft::trial {

// Values by metric name: `accuracy` (fraction in [0, 1]), `loss` (nats), `train_loss` (of augmented
// and mixed images and smoothed targets, as trained), `initial_accuracy` and `initial_loss` (before
// training).
using Metrics = std::map<std::string, double, std::less<>>;

struct EpochMeasurement {
  std::int64_t epoch = 0;  // from 1
  Metrics metrics;
};

struct Cost {
  std::int64_t parameters = 0;        // trainable elements
  std::int64_t macs = 0;              // one forward pass of one example
  std::int64_t activation_bytes = 0;  // one forward pass of one example
  absl::Duration wall_time;
  absl::Duration device_time;  // processor time of the slot, what prepared its images included
  absl::Duration data_wait;    // that training waited for images, within the wall time
  double images_per_second = 0;
  std::int64_t bytes_moved = 0;
};

struct Measurement {
  Metrics metrics;
  std::vector<EpochMeasurement> epochs;
  Cost cost;
  // Largest |child - parent| logit over the largest |parent logit| on the probe batch, before
  // training; absent for trials that derive from nothing.
  std::optional<double> preservation_error;
};

}  // namespace graft::trial

#endif  // GRAFT_COMMON_TRIAL_MEASUREMENT_H_
