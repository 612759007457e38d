#ifndef GRAFT_COMMON_DATA_NORMALIZER_H_
#define GRAFT_COMMON_DATA_NORMALIZER_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "common/data/dataset.h"

namespace graft::data {

// Brings each channel to zero mean and unit variance: y = (x / 255 - mean) / stddev. Thread-safe:
// immutable.
class Normalizer {
 public:
  // The statistics of all training images of the data set, before any split, as EAS published; so
  // that all networks of a data set see the same values. A channel that is constant is only
  // centred.
  explicit Normalizer(const Dataset& dataset);

  // One image, [C, H, W] row-major, both of Dataset::image_size() elements.
  void Apply(std::span<const std::uint8_t> image, std::span<float> normalized) const;

  // Of channel c, in the scale [0, 1]; the standard deviation divides by the number of pixels.
  double mean(std::int64_t channel) const { return means_[channel]; }
  double stddev(std::int64_t channel) const { return stddevs_[channel]; }

 private:
  std::int64_t pixels_per_channel_;
  std::vector<double> means_;
  std::vector<double> stddevs_;
  std::vector<std::array<float, 256>> tables_;  // normalised value by channel and byte
};

}  // namespace graft::data

#endif  // GRAFT_COMMON_DATA_NORMALIZER_H_
