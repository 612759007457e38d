// Walk: from a parent to a child, step by step: W decisions on widths, then D insertions, each seen
// and chosen on the network that the steps before led to (EAS, AAAI 2018; wider comes before deeper
// because an inserted layer has no weights to replicate yet).
//
// Sampling a proposal and replaying a logged one are the same walk with another chooser, so that
// both see the same tokens and masks.
#ifndef GRAFT_SERVICES_CONTROLLER_POLICY_WALK_H_
#define GRAFT_SERVICES_CONTROLLER_POLICY_WALK_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "common/arch/architecture.h"
#include "common/space/search_space.h"
#include "common/transform/edit.h"
#include "services/controller/policy/actions.h"
#include "services/controller/policy/step.h"

namespace graft::policy {

// Layers of a block that an insertion can follow, from the block's start; those beyond are out of
// reach, as published.
inline constexpr int kMaxPositions = 10;

struct StepCounts {
  int widen = 4;
  int deepen = 5;
};

// Makes the choices of a walk.
class Chooser {
 public:
  virtual ~Chooser() = default;

  // One bit a layer, clear outside `mask`. Called also if nothing is legal.
  virtual absl::StatusOr<WidenAction> Widen(const std::vector<int>& tokens,
                                            const std::vector<bool>& mask) = 0;
  // An insertion that `choices` allows; none if there is none.
  virtual absl::StatusOr<std::optional<DeepenAction>> Deepen(const std::vector<int>& tokens,
                                                             const DeepenChoices& choices) = 0;
};

struct Walk {
  std::vector<transform::Edit> edits;
  Actions actions;
  std::vector<Step> steps;  // those with something to decide
};

// INVALID_ARGUMENT: the parent is not of the space. Errors of the chooser are passed on.
absl::StatusOr<Walk> TakeWalk(const space::SearchSpace& space, const arch::Architecture& parent,
                              const StepCounts& counts, Chooser& chooser);

// The walk that made `actions`. INVALID_ARGUMENT also if their numbers are not `counts` or one of
// them is not legal where it comes.
absl::StatusOr<Walk> RepeatWalk(const space::SearchSpace& space, const arch::Architecture& parent,
                                const StepCounts& counts, const Actions& actions);

}  // namespace graft::policy

#endif  // GRAFT_SERVICES_CONTROLLER_POLICY_WALK_H_
