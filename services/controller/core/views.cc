#include "services/controller/core/views.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace graft::controller {
namespace {

double AsMeasured(const Search& search, double value) {
  return search.spec->objective.minimize ? -value : value;
}

std::optional<absl::Duration> MeanChildTime(const Search& search) {
  if (search.distinct_children > 0) return search.children_wall_time / search.distinct_children;
  if (!search.start_wall_time.has_value()) return std::nullopt;
  const SearchSpec& spec = *search.spec;
  return *search.start_wall_time *
         (static_cast<double>(spec.recipe.epochs) / static_cast<double>(spec.start_recipe.epochs));
}

}  // namespace

std::optional<absl::Duration> EstimateTimeLeft(const Search& search, std::int64_t slots) {
  const std::optional<absl::Duration> child_time = MeanChildTime(search);
  if (!child_time.has_value() || HasEnded(search.state)) return std::nullopt;
  slots = std::max<std::int64_t>(slots, 1);
  const auto rounds = [slots](std::int64_t children) { return (children + slots - 1) / slots; };

  const std::int64_t begun = static_cast<std::int64_t>(search.episodes.size());
  double total_rounds = static_cast<double>((search.spec->episodes - begun) *
                                            rounds(search.spec->children_per_episode));
  if (begun > 0) {
    const Episode& episode = search.episodes.back();
    const auto children = static_cast<std::int64_t>(episode.children.size());
    total_rounds += static_cast<double>(rounds(children - episode.ended_count));
    // What runs is half done, on average.
    const bool running = search.trials_by_state[static_cast<int>(TrialState::kLeased)] > 0;
    if (running && !episode.AllEnded()) total_rounds -= 0.5;
  }
  return *child_time * total_rounds;
}

bool CanBegin(const WorkerInfo& worker, const SearchSpec& spec) {
  return spec.recipe.threads == worker.threads &&
         (spec.numerics_class.empty() || spec.numerics_class == worker.numerics_class);
}

std::string WaitingFor(const Search& search, const WorkerTable& workers) {
  if (HasEnded(search.state)) return "";
  const auto count = [&search](TrialState state) {
    return search.trials_by_state[static_cast<int>(state)];
  };
  if (search.state != SearchState::kPending) {
    const bool idle = count(TrialState::kQueued) > 0 && count(TrialState::kLeased) == 0;
    if (!idle || workers.Slots(search.numerics_class) > 0) return "";
    return absl::StrCat("a worker of numerics class ", search.numerics_class);
  }
  const SearchSpec& spec = *search.spec;
  for (const auto& [name, worker] : workers.workers()) {
    if (CanBegin(worker.info, spec)) return "";
  }
  if (workers.workers().empty() && spec.numerics_class.empty()) return "a first worker";
  std::string text = "a worker";
  if (!spec.numerics_class.empty()) {
    absl::StrAppend(&text, " of numerics class ", spec.numerics_class);
  }
  const std::int64_t threads = spec.recipe.threads;
  absl::StrAppend(&text, " with ", threads, threads == 1 ? " thread" : " threads", " a trial");
  return text;
}

SearchView MakeSearchView(const Search& search, const WorkerTable& workers) {
  SearchView view{.id = search.id,
                  .spec = search.spec,
                  .state = search.state,
                  .error = search.error,
                  .numerics_class = search.numerics_class,
                  .create_time = search.create_time,
                  .end_time = search.end_time,
                  .report = search.report};
  SearchProgress& progress = view.progress;
  progress.episode = static_cast<std::int64_t>(search.episodes.size());
  progress.trials_by_state = search.trials_by_state;
  progress.distinct_children = search.distinct_children;
  if (search.start_value) progress.start_value = AsMeasured(search, *search.start_value);
  if (search.best_child) {
    progress.best_value = AsMeasured(search, search.best_child->value);
    progress.best_network = search.best_child->network;
  }
  progress.time_left = EstimateTimeLeft(search, workers.Slots(search.numerics_class));
  progress.waiting_for = WaitingFor(search, workers);
  progress.max_preservation_error = search.max_preservation_error;
  return view;
}

}  // namespace graft::controller
