// Statistics of values by channel, over one batch: what calibrated edits record.
#ifndef GRAFT_COMMON_ENGINE_CHANNEL_STATISTICS_H_
#define GRAFT_COMMON_ENGINE_CHANNEL_STATISTICS_H_

#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "common/engine/backend.h"

namespace graft::engine {

// One element a channel of a value [C, H, W], [T, C] or [C].
struct ChannelStatistics {
  arch::NodeIndex node = 0;
  std::vector<float> mean;
  std::vector<float> variance;  // biased: divided by the number of elements
};

// Runs `feed` in kInference and returns the statistics of each of `nodes` in their order.
// INVALID_ARGUMENT: a node was not fetched by the plan or has no channels.
absl::StatusOr<std::vector<ChannelStatistics>> CollectChannelStatistics(
    Plan& plan, ParameterVector& parameters, const Feed& feed,
    std::span<const arch::NodeIndex> nodes);

}  // namespace graft::engine

#endif  // GRAFT_COMMON_ENGINE_CHANNEL_STATISTICS_H_
