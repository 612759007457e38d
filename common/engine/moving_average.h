// Moving average of parameters over the steps of a training.
#ifndef GRAFT_COMMON_ENGINE_MOVING_AVERAGE_H_
#define GRAFT_COMMON_ENGINE_MOVING_AVERAGE_H_

#include <algorithm>
#include <cstdint>
#include <span>

#include "common/engine/parameters.h"

namespace graft::engine {

// a = d a + (1 - d) p with d = min(decay, t / (t + 9)) at step t from 1, of all tensors, statistics
// included (the bound follows the decay that TensorFlow's ExponentialMovingAverage uses while it
// has seen few steps). Not thread-safe.
class MovingAverage {
 public:
  MovingAverage(double decay, const ParameterVector& start) : decay_(decay), average_(start) {}

  void Add(const ParameterVector& parameters) {
    ++steps_;
    const double bound = static_cast<double>(steps_) / static_cast<double>(steps_ + 9);
    const auto keep = static_cast<float>(std::min(decay_, bound));
    const std::span<const float> values = parameters.values();
    const std::span<float> average = average_.values();
    for (std::size_t i = 0; i < average.size(); ++i) {
      average[i] += (1 - keep) * (values[i] - average[i]);  // what does not move stays to the bit
    }
  }

  ParameterVector& parameters() { return average_; }

 private:
  const double decay_;
  ParameterVector average_;
  std::int64_t steps_ = 0;
};

}  // namespace graft::engine

#endif  // GRAFT_COMMON_ENGINE_MOVING_AVERAGE_H_
