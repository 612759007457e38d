// What a controller knows: data sets, searches, trials, evaluations and networks.
//
// An evaluation is a trial specification on a numerics class, identified by its trial key and run
// at most once to a result. A trial is a search's wish for an evaluation; trials of several
// searches with the same key share one. Entities are changed by State::Apply alone; everyone else
// reads them.
#ifndef GRAFT_SERVICES_CONTROLLER_CORE_ENTITIES_H_
#define GRAFT_SERVICES_CONTROLLER_CORE_ENTITIES_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/digest/blob_digest.h"
#include "common/digest/typed_digest.h"
#include "common/tensor/shape.h"
#include "common/transform/edit.h"
#include "common/trial/outcome.h"
#include "common/trial/trial_spec.h"
#include "services/controller/core/ids.h"
#include "services/controller/core/search_spec.h"

namespace graft::controller {

// A data set by name. Its content is in the weight store.
struct Dataset {
  std::string name;
  digest::BlobDigest digest;
  std::int64_t train_images = 0;  // to train and validate with
  std::int64_t test_images = 0;
  tensor::Shape image_shape;  // [C, H, W]
  std::vector<std::string> class_names;
  absl::Time create_time;
};

// Life of a search. Legal transitions:
//   kPending -> kRunning       a worker leased: the search is pinned to its numerics class
//   kRunning -> kReporting     the budget is spent
//   kReporting -> kSucceeded   start and best network are measured on the test images
//   kReporting, kSucceeded -> kRunning   its budget grew
//   kPending, kRunning, kReporting -> kPaused and back
//   all but the last three -> kFailed, kCancelled
enum class SearchState { kPending, kRunning, kReporting, kPaused, kSucceeded, kFailed, kCancelled };
inline constexpr int kSearchStateCount = 7;

inline bool HasEnded(SearchState state) { return state >= SearchState::kSucceeded; }

// Life of a trial, and of the evaluation that it waits for. Legal transitions:
//   kQueued -> kLeased         a worker took it
//   kLeased -> kQueued         the attempt was lost, handed back, or failed and may be repeated
//   kLeased -> kCompleted      measured
//   kLeased -> kFailed         given up
//   kQueued, kLeased -> kCancelled   no search needs it any more
// A trial, when created, takes the state of its evaluation if there is one. An evaluation that was
// cancelled, or failed for a reason that may pass, is queued again when a new trial needs it.
enum class TrialState { kQueued, kLeased, kCompleted, kFailed, kCancelled };
inline constexpr int kTrialStateCount = 5;

inline bool HasEnded(TrialState state) { return state >= TrialState::kCompleted; }

std::string_view ToString(SearchState state);            // "pending"
std::string_view ToString(TrialState state);             // "queued"
std::string_view ToString(trial::FailureReason reason);  // "not preserved"

// What a trial is for.
enum class TrialPurpose {
  kStart,   // trains the start network: trial 0
  kChild,   // trains a child that the policy proposed
  kReport,  // measures a network on the test images
};

// A specification to be run, its attempts and its result.
struct Evaluation {
  digest::TrialKey key;
  std::shared_ptr<const trial::TrialSpec> spec;
  std::string numerics_class;    // of the workers that may run it
  std::int64_t queue_order = 0;  // place in the queue; an attempt that ends early keeps it
  TrialState state = TrialState::kQueued;

  std::int64_t attempt = 0;  // current or last, from 1; 0 before the first. Fences off late reports
  std::string worker;        // of that attempt
  std::int64_t failures = 0;       // attempts that failed for reasons of the trial's own
  std::int64_t interruptions = 0;  // attempts that were lost or crashed

  std::optional<trial::Failure> failure;             // of the last attempt that failed
  std::shared_ptr<const trial::TrialResult> result;  // once kCompleted
  std::int64_t reported_attempt = 0;                 // last attempt that a report ended
  std::optional<digest::NetworkDigest> network;      // that it made; absent for test measurements

  TrialId first_trial;           // that asked for it
  std::vector<TrialId> waiting;  // trials that have not ended, in order of creation
};

// A search's wish for an evaluation.
struct Trial {
  TrialId id;
  TrialPurpose purpose = TrialPurpose::kChild;
  std::int64_t episode = 0;  // from 1; 0 for the start network
  digest::TrialKey key;
  TrialState state = TrialState::kQueued;
  bool cached = false;  // an equal trial supplied, or was already running for, the result
  absl::Time create_time;
  absl::Time end_time = absl::InfiniteFuture();  // before it ended
};

// A child as the policy proposed it.
struct ChildProposal {
  digest::NetworkDigest parent;
  std::vector<transform::Edit> edits;
  std::string actions;  // the policy's own text
  std::uint64_t edit_seed = 0;

  friend bool operator==(const ChildProposal&, const ChildProposal&) = default;
};

// One round of proposals; the next one waits until all its children have ended.
struct Episode {
  std::int64_t number = 0;       // from 1
  std::int64_t first_trial = 0;  // child i is trial first_trial + i
  std::vector<ChildProposal> children;
  std::int64_t ended_count = 0;  // children whose trial has ended
  std::string policy_digest;     // hex SHA-256 of the policy's state after it learned; else empty

  bool AllEnded() const { return ended_count == static_cast<std::int64_t>(children.size()); }
};

// A network of a search with the value it is ranked by: best first, among equals the earlier trial.
struct RankedNetwork {
  double value = 0;  // larger is better
  std::int64_t trial = 0;
  digest::NetworkDigest network;

  friend bool operator<(const RankedNetwork& a, const RankedNetwork& b) {
    if (a.value != b.value) return a.value > b.value;
    return a.trial < b.trial;
  }
};

// Start and best network on the test images, by the objective metric.
struct SearchReport {
  double start_value = 0;
  double best_value = 0;
  digest::NetworkDigest best_network;
};

struct Search {
  SearchId id;
  std::shared_ptr<const SearchSpec> spec;
  SearchState state = SearchState::kPending;
  SearchState paused_state = SearchState::kPending;  // while kPaused: what it goes on as
  std::string error;                                 // why it failed
  std::string numerics_class;                        // empty while kPending
  absl::Time create_time;
  absl::Time end_time = absl::InfiniteFuture();  // before it ended
  std::optional<SearchReport> report;

  std::vector<Trial> trials;      // trial i has number i
  std::vector<Episode> episodes;  // episode i has number i + 1

  // Derived from the trials, so that nothing is counted at a call.
  std::array<std::int64_t, kTrialStateCount> trials_by_state{};
  std::int64_t children_ended = 0;
  std::int64_t distinct_children = 0;  // completed, neither cached nor merged
  absl::Duration children_wall_time;   // of the distinct ones, together
  double max_preservation_error = 0;
  std::optional<absl::Duration> start_wall_time;
  std::optional<double> start_value;  // objective metric; larger is better
  std::optional<RankedNetwork> best_child;
  std::set<RankedNetwork> ranking;  // distinct networks with a value, the start network included
  std::map<digest::NetworkDigest, RankedNetwork> ranked;  // the same by network
};

// A network that was measured or imported.
struct Network {
  digest::NetworkDigest digest;
  trial::NetworkRef ref;
  // That validated it; null for an imported one until a trial ends with it.
  std::shared_ptr<const trial::TrialResult> result;
  std::string description;  // its importer's
  std::vector<digest::NetworkDigest> parents;
  std::vector<transform::Edit> edits;  // from its parent
  std::optional<TrialId> trial;        // that made it first; absent if it was imported
  absl::Time create_time;
};

// Identifies a mutation, so that repeating it is harmless. Without an id: none.
struct RequestTag {
  std::string id;       // the caller's
  std::string content;  // digest of method and content: the same id must not stand for another
};

// Objective metric of `measurement`, turned so that larger is better; absent if it was not measured
// or is not a finite number.
std::optional<double> ObjectiveValue(const Objective& objective,
                                     const trial::Measurement& measurement);

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_CORE_ENTITIES_H_
