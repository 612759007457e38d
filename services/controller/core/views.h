// Views: what a controller tells of its entities. Values that share what is large and immutable.
#ifndef GRAFT_SERVICES_CONTROLLER_CORE_VIEWS_H_
#define GRAFT_SERVICES_CONTROLLER_CORE_VIEWS_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/digest/typed_digest.h"
#include "services/controller/core/entities.h"
#include "services/controller/core/lease_table.h"

namespace graft::controller {

// How far a search is.
struct SearchProgress {
  std::int64_t episode = 0;  // from 1; 0 while the start network trains
  std::array<std::int64_t, kTrialStateCount> trials_by_state{};
  std::int64_t distinct_children = 0;  // trained, neither cached nor merged
  std::optional<double> start_value;   // objective metric, as measured
  std::optional<double> best_value;    // of the children
  std::optional<digest::NetworkDigest> best_network;
  std::optional<absl::Duration> time_left;  // an estimate
  double max_preservation_error = 0;
  // While no worker that was heard from lately can run its trials: what one it needs; else empty.
  std::string waiting_for;
};

struct SearchView {
  SearchId id;  // 0 where the search was only checked
  std::shared_ptr<const SearchSpec> spec;
  SearchState state = SearchState::kPending;
  std::string error;
  std::string numerics_class;
  absl::Time create_time;
  absl::Time end_time = absl::InfiniteFuture();
  std::optional<SearchReport> report;
  SearchProgress progress;
};

struct TrialView {
  Trial trial;
  std::shared_ptr<const trial::TrialSpec> spec;
  std::int64_t attempts = 0;
  std::string worker;
  std::optional<trial::Failure> failure;             // the last one
  std::shared_ptr<const trial::TrialResult> result;  // null before it completed
  std::optional<digest::NetworkDigest> network;      // that it made
  std::optional<digest::NetworkDigest> parent;       // that it derives from
  std::int64_t epochs_done = 0;                      // as of the last heartbeat
};

// An episode and its search.
struct EpisodeView {
  SearchId search;
  Episode episode;
};

struct WorkerView {
  WorkerInfo info;
  absl::Time last_seen;
  std::vector<TrialId> trials;  // that it runs
};

// A worker's claim on an evaluation.
struct LeaseView {
  Attempt attempt;
  std::shared_ptr<const trial::TrialSpec> spec;
  TrialId trial;  // that asked for it first; for people
};

// For metrics.
struct Stats {
  std::array<std::int64_t, kSearchStateCount> searches_by_state{};
  std::array<std::int64_t, kTrialStateCount> trials_by_state{};
  std::int64_t events = 0;
  std::int64_t leases = 0;
  std::int64_t workers = 0;
  // Since a result came in or a search began; zero while no search is active.
  absl::Duration since_progress;

  struct SearchStats {
    SearchId id;
    double max_preservation_error = 0;
    std::map<std::string, double> policy;  // Policy::Diagnostics
  };
  std::vector<SearchStats> searches;  // those active, and those that ended lately
};

SearchView MakeSearchView(const Search& search, const WorkerTable& workers);

// Whether a worker may begin a search that is pending.
bool CanBegin(const WorkerInfo& worker, const SearchSpec& spec);

// SearchProgress::waiting_for.
std::string WaitingFor(const Search& search, const WorkerTable& workers);

// Time until a search ends, judged by its trials so far; absent before the start network is trained
// and once the search has ended. Children of an episode run in rounds of as many as there are
// slots, each as long as the mean of those completed; before the first, a child is taken to cost as
// much an epoch as the start network. The measurements on the test images are left out.
std::optional<absl::Duration> EstimateTimeLeft(const Search& search, std::int64_t slots);

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_CORE_VIEWS_H_
