// Policy: proposes children and learns from their measurements.
//
// A policy is a function of its seed and the ordered calls made on it: the same calls give the same
// proposals, bit for bit, on every processor (design.md, foundation 8). It sees architectures and
// validation metrics, never weights, workers or clocks.
//
// Life cycle: Start once, when the start network is measured; then, episode by episode, Propose for
// each child and one Observe with all of the episode's outcomes. Nothing is kept between Propose
// and Observe but the random generator: an observation carries the sampled actions, from which the
// policy recomputes their probabilities.
#ifndef GRAFT_SERVICES_CONTROLLER_POLICY_POLICY_H_
#define GRAFT_SERVICES_CONTROLLER_POLICY_POLICY_H_

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/arch/architecture.h"
#include "common/transform/edit.h"

namespace graft::policy {

// A child, as proposed.
struct Proposal {
  // What turns the parent into the child; may be empty if nothing is legal.
  std::vector<transform::Edit> edits;
  // The sampled actions, in the policy's own text form: what is logged and what Observe needs.
  std::string actions;
};

// What became of a proposal.
struct Observation {
  arch::Architecture parent;
  std::string actions;
  // Objective metric, larger is better; absent if the trial failed. Failed children are left
  // out of the update, and the sums are divided by the real count.
  std::optional<double> value;
};

// Not thread-safe.
class Policy {
 public:
  virtual ~Policy() = default;

  // Objective metric of the trained start network.
  virtual void Start(double start_value) = 0;

  // Draws one child of `parent`. Errors are broken invariants of the space, for example a parent
  // outside it.
  virtual absl::StatusOr<Proposal> Propose(const arch::Architecture& parent) = 0;

  // Learns from one episode, in order of proposal.
  virtual absl::Status Observe(std::span<const Observation> episode) = 0;

  // Parameters, optimiser, baseline and generator: Restore(Save()) is the identity to the bit.
  virtual std::string SaveState() const = 0;
  virtual absl::Status RestoreState(std::string_view state) = 0;

  // For metrics and logs, by name: `entropy`, `baseline`, `mean_reward`, ...; of the last Observe.
  virtual std::map<std::string, double> Diagnostics() const = 0;
};

}  // namespace graft::policy

#endif  // GRAFT_SERVICES_CONTROLLER_POLICY_POLICY_H_
