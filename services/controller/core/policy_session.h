// PolicySession: the policy of a running search, in step with the search's log.
#ifndef GRAFT_SERVICES_CONTROLLER_CORE_POLICY_SESSION_H_
#define GRAFT_SERVICES_CONTROLLER_CORE_POLICY_SESSION_H_

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/arch/architecture.h"
#include "common/space/search_space.h"
#include "services/controller/core/entities.h"
#include "services/controller/core/state.h"
#include "services/controller/policy/policy.h"

namespace graft::controller {

// What a search explores with.
struct Explorer {
  arch::Architecture start;
  // SearchSpec::space with defaults filled in.
  space::PlainSpaceOptions space_options;
  // Null where the policy needs none; outlives the policy.
  std::unique_ptr<space::SearchSpace> space;
  std::unique_ptr<policy::Policy> policy;
};

// Makes the explorer of a search. INVALID_ARGUMENT: field errors relative to the search spec.
// Called again after a restart: equal arguments must give policies that make equal proposals.
using ExplorerFactory =
    std::function<absl::StatusOr<Explorer>(const SearchSpec& spec, const Dataset& dataset)>;

// The factory of the spaces and policies that a search file can name.
absl::StatusOr<Explorer> MakeExplorer(const SearchSpec& spec, const Dataset& dataset);

// A child that can be queued.
struct PlannedChild {
  ChildProposal proposal;
  arch::Architecture architecture;
};

// Holds the policy between episodes. Opening a session restores the policy from its last snapshot,
// or, without one, calls it as the log says that it was called before; what it then proposes must
// be what is logged.
// If an event that a call of this session led to cannot be logged, the session is ahead of the log
// and must be dropped. Not thread-safe.
class PolicySession {
 public:
  // `snapshot`: Policy::SaveState after the last episode that it learned from, or null. INTERNAL:
  // the policy did not repeat the logged proposals or its logged state, or the snapshot is not of
  // that state.
  static absl::StatusOr<std::unique_ptr<PolicySession>> Open(const State& state,
                                                             const Search& search,
                                                             const ExplorerFactory& factory,
                                                             const std::string* snapshot);

  const arch::Architecture& start() const { return explorer_.start; }

  // Draws child i from parents[i], each a network of `state`. A child that equals its parent or an
  // earlier child of that parent, by fingerprint, is drawn again up to SearchSpec::max_redraws
  // times. The search's start network must be measured.
  absl::StatusOr<std::vector<PlannedChild>> Propose(const State& state, const Search& search,
                                                    std::span<const digest::NetworkDigest> parents);

  // Lets the policy learn from an episode that has ended; returns its state.
  absl::StatusOr<std::string> Observe(const State& state, const Search& search,
                                      const Episode& episode);

  std::map<std::string, double> Diagnostics() const { return explorer_.policy->Diagnostics(); }

 private:
  explicit PolicySession(Explorer explorer) : explorer_(std::move(explorer)) {}

  // Restores the policy to its state after `episode`.
  absl::Status Restore(const std::string& snapshot, const Episode& episode);
  absl::Status Replay(const State& state, const Search& search, const Episode& episode);
  absl::StatusOr<PlannedChild> Draw(const Network& parent);

  Explorer explorer_;
  bool started_ = false;
};

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_CORE_POLICY_SESSION_H_
