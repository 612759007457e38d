// Reads an architecture as a chain of the plain form (plain_space.h). Internal to common/space.
#ifndef GRAFT_COMMON_SPACE_PLAIN_CHAIN_H_
#define GRAFT_COMMON_SPACE_PLAIN_CHAIN_H_

#include "absl/status/statusor.h"
#include "common/arch/architecture.h"
#include "common/space/search_space.h"

namespace graft::space {

struct PlainChain {
  // Without tokens and next widths, which depend on the space's ladders.
  NetworkView view;
  arch::NodeIndex classifier = 0;
};

// INVALID_ARGUMENT: a field error whose field is the id of the layer that departs from the form.
absl::StatusOr<PlainChain> ReadPlainChain(const arch::Architecture& network);

}  // namespace graft::space

#endif  // GRAFT_COMMON_SPACE_PLAIN_CHAIN_H_
