#include "services/controller/core/trial_queue.h"

#include <optional>
#include <tuple>
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

// Hands out the places of one search in the order in which a worker should get them.
template <typename Places>
class Server {
 public:
  // The first `count` places at most, those in `preferred` first.
  Server(const Places& all, Places preferred, std::size_t count)
      : places_(preferred.begin(), preferred.end()) {
    for (const auto& place : all) {
      if (places_.size() >= count) break;
      if (!preferred.contains(place)) places_.push_back(place);
    }
  }

  bool Empty() const { return next_ == places_.size(); }
  const typename Places::value_type& Peek() const { return places_[next_]; }
  void Pop() { ++next_; }

 private:
  std::vector<typename Places::value_type> places_;
  std::size_t next_ = 0;
};

}  // namespace

void TrialQueue::Add(const Evaluation& evaluation, const Owner& owner) {
  Remove(evaluation);
  const Place place(evaluation.queue_order, evaluation.key);
  Line& line = lanes_[evaluation.numerics_class][owner.search];
  line.priority = owner.priority;
  line.all.insert(place);
  for (const std::string& weights : InputWeights(evaluation)) line.by_input[weights].insert(place);
  owners_[evaluation.key] = owner.search;
}

void TrialQueue::Remove(const Evaluation& evaluation) {
  const auto owner = owners_.find(evaluation.key);
  if (owner == owners_.end()) return;
  const auto lane = lanes_.find(evaluation.numerics_class);
  const auto line = lane->second.find(owner->second);
  owners_.erase(owner);
  const Place place(evaluation.queue_order, evaluation.key);
  line->second.all.erase(place);
  for (const std::string& weights : InputWeights(evaluation)) {
    const auto places = line->second.by_input.find(weights);
    if (places == line->second.by_input.end()) continue;
    places->second.erase(place);
    if (places->second.empty()) line->second.by_input.erase(places);
  }
  if (line->second.all.empty()) lane->second.erase(line);
  if (lane->second.empty()) lanes_.erase(lane);
}

std::vector<digest::TrialKey> TrialQueue::Next(
    std::string_view numerics_class, std::span<const std::string> cached, std::size_t count,
    const std::function<std::int64_t(SearchId)>& running) const {
  std::vector<digest::TrialKey> next;
  const auto lane = lanes_.find(numerics_class);
  if (lane == lanes_.end()) return next;

  struct Candidate {
    std::int64_t priority;
    std::int64_t running;
    Server<Places> server;
  };
  std::vector<Candidate> candidates;
  for (const auto& [search, line] : lane->second) {
    Places preferred;
    for (const std::string& weights : cached) {
      const auto places = line.by_input.find(weights);
      if (places == line.by_input.end()) continue;
      std::size_t taken = 0;
      for (const Place& place : places->second) {
        if (taken++ == count) break;
        preferred.insert(place);
      }
    }
    candidates.push_back({.priority = line.priority,
                          .running = running(search),
                          .server = Server<Places>(line.all, std::move(preferred), count)});
  }
  while (next.size() < count) {
    Candidate* best = nullptr;
    const auto rank = [](const Candidate& candidate) {
      return std::tuple(-candidate.priority, candidate.running, candidate.server.Peek().first);
    };
    for (Candidate& candidate : candidates) {
      if (candidate.server.Empty()) continue;
      if (best == nullptr || rank(candidate) < rank(*best)) best = &candidate;
    }
    if (best == nullptr) break;
    next.push_back(best->server.Peek().second);
    best->server.Pop();
    ++best->running;
  }
  return next;
}

}  // namespace graft::controller
