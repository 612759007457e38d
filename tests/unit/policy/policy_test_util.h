// What the tests of the policies share.
#ifndef GRAFT_TESTS_UNIT_POLICY_POLICY_TEST_UTIL_H_
#define GRAFT_TESTS_UNIT_POLICY_POLICY_TEST_UTIL_H_

#include <string>
#include <vector>

#include "common/arch/architecture.h"
#include "common/base/check.h"
#include "common/space/plain_space.h"
#include "common/tensor/shape.h"
#include "common/transform/transformation.h"
#include "services/controller/policy/policy.h"

namespace graft::policy {

// The demo space over Fashion-MNIST's images: 42 tokens, 5 blocks, kernels 1, 3 and 5.
inline space::PlainSpace MakeSpace(const space::PlainSpaceOptions& options = {}) {
  absl::StatusOr<space::PlainSpace> space =
      space::PlainSpace::Create(options, tensor::Shape({1, 28, 28}), 10);
  GRAFT_CHECK_OK(space.status());
  return *std::move(space);
}

inline arch::Architecture ChildOf(const arch::Architecture& parent, const Proposal& proposal) {
  absl::StatusOr<arch::Architecture> child = transform::ApplyAll(parent, proposal.edits, 1);
  GRAFT_CHECK_OK(child.status());
  return *std::move(child);
}

inline space::NetworkView ViewOf(const space::SearchSpace& space,
                                 const arch::Architecture& network) {
  absl::StatusOr<space::NetworkView> view = space.Analyze(network);
  GRAFT_CHECK_OK(view.status());
  return *std::move(view);
}

inline Proposal Draw(Policy& policy, const arch::Architecture& parent) {
  absl::StatusOr<Proposal> proposal = policy.Propose(parent);
  GRAFT_CHECK_OK(proposal.status());
  return *std::move(proposal);
}

}  // namespace graft::policy

#endif  // GRAFT_TESTS_UNIT_POLICY_POLICY_TEST_UTIL_H_
