// TrialQueue: which evaluation a worker gets next.
#ifndef GRAFT_SERVICES_CONTROLLER_CORE_TRIAL_QUEUE_H_
#define GRAFT_SERVICES_CONTROLLER_CORE_TRIAL_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/digest/typed_digest.h"
#include "services/controller/core/entities.h"

namespace graft::controller {

// The queued evaluations of each numerics class, each in the name of one search. Searches of the
// highest priority are served alone, and among them the one with the fewest running trials first,
// so that they share the workers evenly whatever their numbers of trials. Within a search: first
// come, first served, except that a worker gets those first whose input weights it has. Not
// thread-safe.
class TrialQueue {
 public:
  // In whose name an evaluation is queued.
  struct Owner {
    SearchId search;
    std::int64_t priority = 0;
  };

  // By key, class, order and input weights of `evaluation`, which is not kept. One that is queued
  // already moves to `owner`.
  void Add(const Evaluation& evaluation, const Owner& owner);
  // Nothing happens to one that is not queued.
  void Remove(const Evaluation& evaluation);

  // Up to `count` evaluations, in order, to lease to a worker of `numerics_class` that has the
  // weights `cached` (text form). `running`: trials of a search that workers have now.
  // O((searches + cached) count log n).
  std::vector<digest::TrialKey> Next(std::string_view numerics_class,
                                     std::span<const std::string> cached, std::size_t count,
                                     const std::function<std::int64_t(SearchId)>& running) const;

  bool Empty(std::string_view numerics_class) const { return !lanes_.contains(numerics_class); }

 private:
  using Place = std::pair<std::int64_t, digest::TrialKey>;  // queue_order first
  using Places = std::set<Place>;

  // Places of one search.
  struct Line {
    std::int64_t priority = 0;
    Places all;
    absl::flat_hash_map<std::string, Places> by_input;  // text form of the input's weights
  };
  // Lines of one numerics class; they and the lane are dropped when empty.
  using Lane = std::map<SearchId, Line>;

  std::map<std::string, Lane, std::less<>> lanes_;
  std::map<digest::TrialKey, SearchId> owners_;
};

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_CORE_TRIAL_QUEUE_H_
