#include "common/engine/channel_statistics.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/engine/graph_checks.h"

namespace graft::engine {
namespace {

// Two passes in float64. values: [count, channels, plane]
ChannelStatistics Measure(arch::NodeIndex node, std::span<const float> values,
                          std::int64_t channels, std::int64_t plane) {
  ChannelStatistics statistics{.node = node};
  const auto count = static_cast<std::int64_t>(values.size()) / (channels * plane);
  const auto elements = static_cast<double>(count * plane);
  for (std::int64_t c = 0; c < channels; ++c) {
    const auto sum = [&](auto term) {
      double total = 0;
      for (std::int64_t n = 0; n < count; ++n) {
        for (const float value : values.subspan((n * channels + c) * plane, plane)) {
          total += term(static_cast<double>(value));
        }
      }
      return total;
    };
    const double mean = sum([](double value) { return value; }) / elements;
    const double variance =
        sum([mean](double value) { return (value - mean) * (value - mean); }) / elements;
    statistics.mean.push_back(static_cast<float>(mean));
    statistics.variance.push_back(static_cast<float>(variance));
  }
  return statistics;
}

}  // namespace

absl::StatusOr<std::vector<ChannelStatistics>> CollectChannelStatistics(
    Plan& plan, ParameterVector& parameters, const Feed& feed,
    std::span<const arch::NodeIndex> nodes) {
  RETURN_IF_ERROR(plan.Forward(Mode::kInference, feed, parameters));
  std::vector<ChannelStatistics> statistics;
  for (const arch::NodeIndex index : nodes) {
    const arch::Node& node = plan.architecture().node(index);
    const std::span<const float> values = plan.Value(index);
    if (!node.type.batched || node.type.shape.rank() < 1 || values.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(Describe(node), " was not fetched or has no channels"));
    }
    const tensor::Shape& shape = node.type.shape;
    const std::int64_t channels = shape.dim(arch::ChannelAxis(shape));
    // Tokens lie as examples do, their channels innermost.
    const std::int64_t plane = shape.rank() == 2 ? 1 : shape.ElementCount() / channels;
    statistics.push_back(Measure(index, values, channels, plane));
  }
  return statistics;
}

}  // namespace graft::engine
