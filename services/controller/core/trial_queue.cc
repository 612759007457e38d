#include "services/controller/core/trial_queue.h"

#include <variant>

namespace graft::controller {
namespace {

std::vector<std::string> InputWeights(const Evaluation& evaluation) {
  std::vector<std::string> weights;
  if (const auto* derive = std::get_if<trial::Derive>(&evaluation.spec->origin)) {
    for (const trial::Input& input : derive->inputs) {
      weights.push_back(input.network.weights.ToString());
    }
  }
  return weights;
}

}  // namespace

void TrialQueue::Add(const Evaluation& evaluation) {
  const Place place(evaluation.queue_order, evaluation.key);
  Lane& lane = lanes_[evaluation.numerics_class];
  lane.all.insert(place);
  for (const std::string& weights : InputWeights(evaluation)) lane.by_input[weights].insert(place);
}

void TrialQueue::Remove(const Evaluation& evaluation) {
  const auto lane = lanes_.find(evaluation.numerics_class);
  if (lane == lanes_.end()) return;
  const Place place(evaluation.queue_order, evaluation.key);
  lane->second.all.erase(place);
  for (const std::string& weights : InputWeights(evaluation)) {
    const auto places = lane->second.by_input.find(weights);
    if (places == lane->second.by_input.end()) continue;
    places->second.erase(place);
    if (places->second.empty()) lane->second.by_input.erase(places);
  }
  if (lane->second.all.empty()) lanes_.erase(lane);
}

std::vector<digest::TrialKey> TrialQueue::Next(std::string_view numerics_class,
                                               std::span<const std::string> cached,
                                               std::size_t count) const {
  std::vector<digest::TrialKey> next;
  const auto lane = lanes_.find(numerics_class);
  if (lane == lanes_.end()) return next;

  Places preferred;
  for (const std::string& weights : cached) {
    const auto places = lane->second.by_input.find(weights);
    if (places == lane->second.by_input.end()) continue;
    std::size_t taken = 0;
    for (const Place& place : places->second) {
      if (taken++ == count) break;
      preferred.insert(place);
    }
  }
  for (const Place& place : preferred) {
    if (next.size() == count) return next;
    next.push_back(place.second);
  }
  for (const Place& place : lane->second.all) {
    if (next.size() == count) return next;
    if (!preferred.contains(place)) next.push_back(place.second);
  }
  return next;
}

}  // namespace graft::controller
