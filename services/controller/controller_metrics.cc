#include "services/controller/controller_metrics.h"

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"

namespace graft::controller {
namespace {

template <typename State, std::size_t kCount>
void PublishCounts(const char* name, const char* help,
                   const std::array<std::int64_t, kCount>& counts, metrics::Registry* registry) {
  for (std::size_t i = 0; i < kCount; ++i) {
    const std::string state(ToString(static_cast<State>(i)));
    registry->AddGauge(name, help, {{"state", state}}).Set(static_cast<double>(counts[i]));
  }
}

void Publish(const Stats& stats, metrics::Registry* registry) {
  PublishCounts<SearchState>("graft_searches", "Searches by state.", stats.searches_by_state,
                             registry);
  PublishCounts<TrialState>("graft_trials", "Trials of all searches by state.",
                            stats.trials_by_state, registry);
  registry->AddGauge("graft_leases", "Leases that hold.").Set(static_cast<double>(stats.leases));
  registry->AddGauge("graft_workers", "Workers heard from lately.")
      .Set(static_cast<double>(stats.workers));
  registry->AddGauge("graft_events", "Events in the log.").Set(static_cast<double>(stats.events));
  registry
      ->AddGauge("graft_seconds_since_progress",
                 "Seconds since a result came in; 0 while no search is active.")
      .Set(absl::ToDoubleSeconds(stats.since_progress));
}

metrics::Labels LabelsOf(SearchId search) { return {{"search", ToString(search)}}; }

void Publish(const Stats::SearchStats& search, metrics::Registry* registry) {
  const metrics::Labels labels = LabelsOf(search.id);
  registry
      ->AddGauge("graft_search_preservation_error",
                 "Largest preservation error of any child of a search.", labels)
      .Set(search.max_preservation_error);
  for (const auto& [name, value] : search.policy) {
    registry
        ->AddGauge(absl::StrCat("graft_policy_", name),
                   "Diagnostic of a search's policy after its last episode.", labels)
        .Set(value);
  }
}

// The gauges of searches, which come and go. Thread-safe: scrapes may overlap.
class SearchGauges {
 public:
  void Publish(const std::vector<Stats::SearchStats>& searches, metrics::Registry* registry) {
    base::MutexLock lock(&mutex_);
    std::set<SearchId> gone = std::move(published_);
    published_.clear();
    for (const Stats::SearchStats& search : searches) {
      controller::Publish(search, registry);
      gone.erase(search.id);
      published_.insert(search.id);
    }
    for (const SearchId id : gone) registry->RemoveGauges(LabelsOf(id));
  }

 private:
  base::Mutex mutex_;
  std::set<SearchId> published_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

void PublishMetrics(const Controller* controller, metrics::Registry* registry) {
  registry->OnCollect([controller, registry, searches = std::make_shared<SearchGauges>()] {
    const Stats stats = controller->GetStats();
    Publish(stats, registry);
    searches->Publish(stats.searches, registry);
  });
}

}  // namespace graft::controller
