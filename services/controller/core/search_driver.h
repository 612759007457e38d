// The course of a search: what comes next, given how it stands.
//
//   pinned -> trial 0 trains the start network
//   then, `episodes` times: choose parents, propose children, wait until all have ended, learn
//   then: measure start and best network on the test images, report
//
// A search fails if its start network, all children of an episode or a final measurement fails.
#ifndef GRAFT_SERVICES_CONTROLLER_CORE_SEARCH_DRIVER_H_
#define GRAFT_SERVICES_CONTROLLER_CORE_SEARCH_DRIVER_H_

#include <functional>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "services/controller/core/events.h"
#include "services/controller/core/policy_session.h"
#include "services/controller/core/state.h"

namespace graft::controller {

// Gives the search's session, opened if need be.
using SessionProvider = std::function<absl::StatusOr<PolicySession*>()>;

// What is to be logged in one transaction.
struct Step {
  std::vector<Event> events;
  std::optional<PolicySnapshot> snapshot;
};

// The search's next step; without events while it waits for a worker or a trial, and after its end.
// An error means that the search cannot go on.
absl::StatusOr<Step> NextStep(const State& state, const Search& search,
                              const SessionProvider& session);

// Parents of the next episode's children, in order of the children: the start network alone, or the
// best networks in turn, best first.
std::vector<digest::NetworkDigest> ChooseParents(const State& state, const Search& search);

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_CORE_SEARCH_DRIVER_H_
