#include "common/runner/inherit.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/status_macros.h"
#include "common/engine/channel_statistics.h"
#include "common/engine/parameters.h"

namespace graft::runner {
namespace {

// Statistics of the values that `transformed` needs, in the network that it was applied to.
absl::StatusOr<std::vector<transform::ChannelStatistics>> Calibrate(
    engine::Backend& backend, const arch::Architecture& network,
    const tensor::NamedTensors& weights, const transform::Transformed& transformed,
    const ImageBatch& calibration) {
  const std::vector<arch::NodeIndex> nodes = transform::CalibrationNodes(transformed);
  if (nodes.empty()) return std::vector<transform::ChannelStatistics>();
  ASSIGN_OR_RETURN(
      const std::unique_ptr<engine::Plan> plan,
      backend.Compile(
          network,
          {.batch = calibration.count, .gradients = false, .exact = true, .fetch = nodes}));
  ASSIGN_OR_RETURN(engine::ParameterVector parameters,
                   engine::FromTensors(network, plan->layout(), weights));
  ASSIGN_OR_RETURN(
      std::vector<engine::ChannelStatistics> collected,
      engine::CollectChannelStatistics(*plan, parameters, calibration.AsFeed(), nodes));
  std::vector<transform::ChannelStatistics> statistics;
  for (engine::ChannelStatistics& value : collected) {
    statistics.push_back({.value = value.node,
                          .mean = std::move(value.mean),
                          .variance = std::move(value.variance)});
  }
  return statistics;
}

tensor::Tensor Vector(const std::vector<float>& values) {
  return tensor::Tensor::FromFloats({static_cast<std::int64_t>(values.size())}, values);
}

void Record(int edit, const std::vector<transform::ChannelStatistics>& statistics,
            tensor::NamedTensors& record) {
  for (const transform::ChannelStatistics& value : statistics) {
    const std::string prefix = absl::StrFormat("edit-%d.%05d", edit, value.value);
    record.Set(prefix + ".mean", Vector(value.mean));
    record.Set(prefix + ".variance", Vector(value.variance));
  }
}

}  // namespace

absl::StatusOr<Inherited> Inherit(engine::Backend& backend, const trial::Derive& derive,
                                  const tensor::NamedTensors& parent_weights,
                                  const ImageBatch& calibration, const ApplyEdit& apply_edit) {
  Inherited inherited{.child = trial::Parent(derive).architecture, .weights = parent_weights};
  for (std::size_t i = 0; i < derive.edits.size(); ++i) {
    const int edit = static_cast<int>(i);
    const std::uint64_t seed = transform::EditSeed(derive.edit_seed, edit);
    ASSIGN_OR_RETURN(transform::Transformed transformed,
                     apply_edit(inherited.child, derive.edits[i], seed));
    ASSIGN_OR_RETURN(
        const std::vector<transform::ChannelStatistics> statistics,
        Calibrate(backend, inherited.child, inherited.weights, transformed, calibration));
    ASSIGN_OR_RETURN(
        inherited.weights,
        transform::Materialize(inherited.child, transformed, inherited.weights, statistics, seed));
    Record(edit, statistics, inherited.calibration_statistics);
    inherited.preservation = transform::Weakest(inherited.preservation, transformed.preservation);
    inherited.child = std::move(transformed.child);
  }
  return inherited;
}

}  // namespace graft::runner
