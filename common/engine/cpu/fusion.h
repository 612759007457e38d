// Which operators are computed by the kernel of the node before them. Internal to engine/cpu.
#ifndef GRAFT_COMMON_ENGINE_CPU_FUSION_H_
#define GRAFT_COMMON_ENGINE_CPU_FUSION_H_

#include <vector>

#include "common/arch/architecture.h"
#include "common/engine/backend.h"

namespace graft::engine::cpu {

class KernelTable;

// The chain that a node's kernel computes: the node, then what is fused behind it.
struct FusedChain {
  arch::NodeIndex result = 0;  // the last one, which alone has a value; the node itself if none is
  bool relu = false;
  bool pool = false;  // max pooling over windows of 2x2 that tile the plane
  // In inference alone a batch norm is a scale and a shift by channel, which the convolution before
  // it takes over, with the ReLU: of a convolution that batch norm, of a batch norm that
  // convolution, else -1.
  arch::NodeIndex folded = -1;
  // In training a convolution may compute the batch norm before it, with the ReLU, block by block
  // as it loads its operand. The batch norm then measures the statistics alone, and nobody keeps
  // its result, whose buffer is for inference and for Run::prologues being false. Of a convolution
  // that batch norm, and of the batch norm that convolution, else -1.
  arch::NodeIndex prologue = -1;
  arch::NodeIndex prologue_of = -1;
};

// By node. Behind a batch norm: a ReLU, and max pooling. Only what has no other user and nobody
// wants is fused away, folded or a prologue; the last where the convolution's methods can do it.
std::vector<FusedChain> FuseChains(const arch::Architecture& architecture,
                                   const PlanOptions& options, const KernelTable& kernels);

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_FUSION_H_
