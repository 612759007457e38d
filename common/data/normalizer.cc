#include "common/data/normalizer.h"

#include <cmath>

namespace graft::data {
namespace {

using Histogram = std::array<std::int64_t, 256>;

// Counts of each byte, so that the sums below do not depend on an order of summation.
std::vector<Histogram> HistogramByChannel(const Dataset& dataset, std::int64_t pixels_per_channel) {
  const std::int64_t channels = dataset.image_shape().dim(0);
  std::vector<Histogram> histograms(static_cast<std::size_t>(channels), Histogram{});
  const std::uint8_t* pixel = dataset.train().pixels.data();
  for (std::int64_t image = 0; image < dataset.train().count(); ++image) {
    for (Histogram& histogram : histograms) {
      for (std::int64_t i = 0; i < pixels_per_channel; ++i) ++histogram[*pixel++];
    }
  }
  return histograms;
}

struct Moments {
  double mean = 0;
  double stddev = 0;
};

Moments MomentsOf(const Histogram& histogram) {
  double count = 0;
  double sum = 0;
  for (int value = 0; value < 256; ++value) {
    count += static_cast<double>(histogram[value]);
    sum += static_cast<double>(histogram[value]) * value;
  }
  const double mean = sum / count;
  double squares = 0;
  for (int value = 0; value < 256; ++value) {
    squares += static_cast<double>(histogram[value]) * (value - mean) * (value - mean);
  }
  return {.mean = mean / 255, .stddev = std::sqrt(squares / count) / 255};
}

}  // namespace

Normalizer::Normalizer(const Dataset& dataset)
    : pixels_per_channel_(dataset.image_shape().dim(1) * dataset.image_shape().dim(2)) {
  for (const Histogram& histogram : HistogramByChannel(dataset, pixels_per_channel_)) {
    const Moments moments = MomentsOf(histogram);
    means_.push_back(moments.mean);
    stddevs_.push_back(moments.stddev);
    const double divisor = moments.stddev > 0 ? moments.stddev : 1;
    std::array<float, 256>& table = tables_.emplace_back();
    for (int value = 0; value < 256; ++value) {
      table[value] = static_cast<float>((value / 255.0 - moments.mean) / divisor);
    }
  }
}

void Normalizer::Apply(std::span<const std::uint8_t> image, std::span<float> normalized) const {
  std::size_t index = 0;
  for (const std::array<float, 256>& table : tables_) {
    for (std::int64_t i = 0; i < pixels_per_channel_; ++i, ++index) {
      normalized[index] = table[image[index]];
    }
  }
}

}  // namespace graft::data
