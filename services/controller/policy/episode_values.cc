#include "services/controller/policy/episode_values.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace graft::policy {

std::optional<double> MeasuredValue(const Observation& observation) {
  if (!observation.value || !std::isfinite(*observation.value)) return std::nullopt;
  return observation.value;
}

std::map<std::string, double> SummarizeValues(std::span<const Observation> episode) {
  std::vector<double> values;
  double sum = 0;
  for (const Observation& observation : episode) {
    const std::optional<double> value = MeasuredValue(observation);
    if (!value) continue;
    values.push_back(*value);
    sum += *value;
  }
  std::map<std::string, double> summary = {
      {"children", static_cast<double>(episode.size())},
      {"failed", static_cast<double>(episode.size() - values.size())}};
  if (!values.empty()) {
    summary["mean_value"] = sum / static_cast<double>(values.size());
    summary["best_value"] = *std::ranges::max_element(values);
  }
  return summary;
}

}  // namespace graft::policy
