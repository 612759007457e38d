// Actions: what a policy chose for one child, and the text in which that is logged.
//
// The text is the steps in order, joined by `|`:
//   w:0110100   widening: one bit a layer, in the order of the network's tokens
//   d:1,0,2     insertion of a layer: block, position of the layer that it follows in the block,
//   index
//               of its kernel
//   d:4,1,-     the same in a block without kernels
//   d:-         no insertion was legal
// Widening steps come first. Without steps the text is empty. Each list of actions has one text.
#ifndef GRAFT_SERVICES_CONTROLLER_POLICY_ACTIONS_H_
#define GRAFT_SERVICES_CONTROLLER_POLICY_ACTIONS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "services/controller/policy/step.h"

namespace graft::policy {

struct Actions {
  std::vector<WidenAction> widen;
  std::vector<std::optional<DeepenAction>> deepen;

  friend bool operator==(const Actions&, const Actions&) = default;
};

std::string ToText(const Actions& actions);

// The inverse. INVALID_ARGUMENT, naming the step, for anything that ToText does not write.
absl::StatusOr<Actions> ParseActions(std::string_view text);

}  // namespace graft::policy

#endif  // GRAFT_SERVICES_CONTROLLER_POLICY_ACTIONS_H_
