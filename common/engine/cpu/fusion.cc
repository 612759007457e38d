#include "common/engine/cpu/fusion.h"

#include <algorithm>
#include <string_view>

#include "common/engine/cpu/convolution_method.h"
#include "common/engine/graph_checks.h"

namespace graft::engine::cpu {
namespace {

bool TilesPlane(const arch::Node& pool, const tensor::Shape& plane) {
  const auto all = [&](const char* name, std::int64_t value) {
    return std::ranges::all_of(arch::GetInts(pool.attributes, name),
                               [&](std::int64_t element) { return element == value; });
  };
  return all("kernel", 2) && all("strides", 2) && all("padding", 0) && plane.dim(1) % 2 == 0 &&
         plane.dim(2) % 2 == 0;
}

// Follows a chain from a node.
class Follower {
 public:
  Follower(const arch::Architecture& architecture, const PlanOptions& options,
           arch::NodeIndex start)
      : architecture_(architecture), options_(options), last_(start) {}

  arch::NodeIndex last() const { return last_; }
  const arch::Node& node() const { return architecture_.node(last_); }

  // The only user of the last node if it may be fused and is such an operator, else null.
  const arch::Node* Next(std::string_view op) const {
    const auto users = architecture_.users(last_);
    if (users.size() != 1 || IsWanted(architecture_, options_, last_)) return nullptr;
    const arch::Node& next = architecture_.node(users[0]);
    return next.op->name == op ? &next : nullptr;
  }
  void Advance() { last_ = architecture_.users(last_)[0]; }

 private:
  const arch::Architecture& architecture_;
  const PlanOptions& options_;
  arch::NodeIndex last_;
};

void FuseBehindNorm(Follower& follower, FusedChain& chain) {
  chain.relu = follower.Next("relu") != nullptr;
  if (chain.relu) follower.Advance();
  const arch::Node* const pool = follower.Next("max_pool");
  chain.pool = pool != nullptr && TilesPlane(*pool, follower.node().type.shape);
  if (chain.pool) follower.Advance();
}

// The batch norm that normalises a convolution's result and is its only user; -1 if there is none.
arch::NodeIndex NormBehind(const arch::Architecture& architecture, const PlanOptions& options,
                           arch::NodeIndex convolution) {
  if (architecture.node(convolution).op->name != "convolution") return -1;
  const arch::Node* const norm = Follower(architecture, options, convolution).Next("batch_norm");
  if (norm == nullptr || norm->operands[0] != convolution) return -1;
  return architecture.users(convolution)[0];
}

// The convolution whose operand alone is a batch norm's result; -1 if there is none.
arch::NodeIndex ConvolutionBehind(const arch::Architecture& architecture,
                                  const PlanOptions& options, const FusedChain& norm) {
  const arch::Node* const next = Follower(architecture, options, norm.result).Next("convolution");
  if (next == nullptr || next->operands[0] != norm.result) return -1;
  return architecture.users(norm.result)[0];
}

void FoldNorms(const arch::Architecture& architecture, const PlanOptions& options,
               std::vector<FusedChain>& chains) {
  for (std::size_t i = 0; i < chains.size(); ++i) {
    const auto index = static_cast<arch::NodeIndex>(i);
    const arch::NodeIndex norm = NormBehind(architecture, options, index);
    if (norm < 0 || chains[norm].pool) continue;
    chains[i].folded = norm;
    chains[norm].folded = index;
  }
}

void FindPrologues(const arch::Architecture& architecture, const PlanOptions& options,
                   const KernelTable& kernels, std::vector<FusedChain>& chains) {
  for (std::size_t i = 0; i < chains.size(); ++i) {
    const auto index = static_cast<arch::NodeIndex>(i);
    if (architecture.node(index).op->name != "batch_norm" || chains[i].pool) continue;
    const arch::NodeIndex convolution = ConvolutionBehind(architecture, options, chains[i]);
    if (convolution < 0 || !TakesNorm(architecture, convolution, options, kernels)) continue;
    chains[i].prologue_of = convolution;
    chains[convolution].prologue = index;
  }
}

}  // namespace

std::vector<FusedChain> FuseChains(const arch::Architecture& architecture,
                                   const PlanOptions& options, const KernelTable& kernels) {
  std::vector<FusedChain> chains(architecture.nodes().size());
  for (std::size_t i = 0; i < chains.size(); ++i) {
    Follower follower(architecture, options, static_cast<arch::NodeIndex>(i));
    if (follower.node().op->name == "batch_norm") FuseBehindNorm(follower, chains[i]);
    chains[i].result = follower.last();
  }
  if (options.exact) return chains;
  FoldNorms(architecture, options, chains);
  if (options.gradients) FindPrologues(architecture, options, kernels, chains);
  return chains;
}

}  // namespace graft::engine::cpu
