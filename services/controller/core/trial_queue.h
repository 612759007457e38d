// TrialQueue: which evaluation a worker gets next.
#ifndef GRAFT_SERVICES_CONTROLLER_CORE_TRIAL_QUEUE_H_
#define GRAFT_SERVICES_CONTROLLER_CORE_TRIAL_QUEUE_H_

#include <cstddef>
#include <cstdint>
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

// The queued evaluations of each numerics class: first come, first served, except that a worker
// gets those first whose input weights it has. Not thread-safe.
class TrialQueue {
 public:
  // By key, class, order and input weights of `evaluation`, which is not kept.
  void Add(const Evaluation& evaluation);
  void Remove(const Evaluation& evaluation);

  // Up to `count` evaluations, in order, to lease to a worker of `numerics_class` that has the
  // weights `cached` (text form). O((cached + 1) count log n).
  std::vector<digest::TrialKey> Next(std::string_view numerics_class,
                                     std::span<const std::string> cached, std::size_t count) const;

  bool Empty(std::string_view numerics_class) const { return !lanes_.contains(numerics_class); }

 private:
  using Place = std::pair<std::int64_t, digest::TrialKey>;  // queue_order first
  using Places = std::set<Place>;

  // Places of one numerics class; dropped when empty.
  struct Lane {
    Places all;
    absl::flat_hash_map<std::string, Places> by_input;  // text form of the input's weights
  };

  std::map<std::string, Lane, std::less<>> lanes_;
};

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_CORE_TRIAL_QUEUE_H_
