// Kernels of the CPU backend: one an operator, keyed by the operator's name. A kernel is made once
// for a node of a plan and keeps what it needs between forward and backward in the plan's arena.
//
// Internal to engine/cpu.
#ifndef GRAFT_COMMON_ENGINE_CPU_KERNEL_H_
#define GRAFT_COMMON_ENGINE_CPU_KERNEL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/arch/architecture.h"
#include "common/engine/backend.h"
#include "common/engine/cpu/arena.h"
#include "common/engine/cpu/fusion.h"
#include "common/engine/cpu/norm_loops.h"

namespace graft::engine::cpu {

// What a kernel does with the gradient of one of its operands.
enum class GradientUse : std::uint8_t {
  kNone,   // nobody wants it
  kWrite,  // it comes first: overwrite
  kAdd,    // another user came before: add
};

// Where the values of a run are. Values [C, H, W] are channels-last, others plain.
class Run {
 public:
  Mode mode = Mode::kInference;
  std::int64_t count = 0;  // examples
  std::uint64_t step_seed = 0;
  bool prologues = false;  // whether convolutions compute the batch norms that are their prologues
  std::span<void* const> values;        // by node
  std::span<float* const> gradients;    // by node; null where there is none
  std::span<const void* const> inputs;  // Feed::inputs
  const Arena* arena = nullptr;
  float* scratch = nullptr;  // as much as the kernels asked for, free again after each call

  const float* value(arch::NodeIndex node) const { return static_cast<const float*>(values[node]); }
  const std::int32_t* ints(arch::NodeIndex node) const {
    return static_cast<const std::int32_t*>(values[node]);
  }
  // For the kernel that computes the value, and for statistics.
  float* mutable_value(arch::NodeIndex node) const { return static_cast<float*>(values[node]); }
  float* gradient(arch::NodeIndex node) const { return gradients[node]; }
  // Examples of a value.
  std::int64_t outer(bool batched) const { return batched ? count : 1; }
  template <typename T>
  T* buffer(BufferId id) const {
    return reinterpret_cast<T*>(arena->data(id));
  }
};

// Shape of a value as kernels see it: rows of channels, one after the other. Values of three axes
// or more that are not batched are one row.
struct Extent {
  std::int64_t channels = 1;  // C of [C, H, W], F of [F], D of [T, D], whose height is T
  std::int64_t height = 1;
  std::int64_t width = 1;

  std::int64_t plane() const { return height * width; }
  std::int64_t elements() const { return channels * plane(); }
};

Extent ExtentOf(const arch::ValueType& type);

class KernelTable;

// What a kernel is made from.
class KernelContext {
 public:
  KernelContext(const arch::Architecture& architecture, const PlanOptions& options,
                const KernelTable& kernels, arch::NodeIndex index,
                std::span<const FusedChain> chains, Arena& arena, int forward_step,
                int backward_step)
      : architecture(architecture),
        options(options),
        kernels(kernels),
        node(architecture.node(index)),
        index(index),
        fused(chains[index]),
        result(fused.result),
        chains_(chains),
        arena_(arena),
        forward_step_(forward_step),
        backward_step_(backward_step) {}

  const arch::Architecture& architecture;
  const PlanOptions& options;
  const KernelTable& kernels;
  const arch::Node& node;
  const arch::NodeIndex index;
  // What the kernel computes besides, and where the result goes.
  const FusedChain& fused;
  const arch::NodeIndex result;
  // What is folded, see FusedChain; there must be such a node.
  const arch::Node& folded_node() const { return architecture.node(fused.folded); }
  const FusedChain& folded_chain() const { return chains_[fused.folded]; }

  // One an operand. All kNone without gradients.
  std::vector<GradientUse> gradient_uses;
  // Of a convolution with a prologue: that one's, which its Forward computes.
  NormCoefficients prologue_coefficients = {};

  arch::NodeIndex operand(int i) const { return node.operands[i]; }
  bool has_operand(int i) const { return i < static_cast<int>(node.operands.size()); }
  Extent extent(arch::NodeIndex value) const { return ExtentOf(architecture.node(value).type); }
  const tensor::Shape& shape(arch::NodeIndex value) const {
    return architecture.node(value).type.shape;
  }
  bool batched(arch::NodeIndex value) const { return architecture.node(value).type.batched; }
  // Whether the value [C, H, W] lies channels-last.
  bool channels_last(arch::NodeIndex value) const {
    return batched(value) && shape(value).rank() == 3;
  }
  // Elements of a whole batch.
  std::int64_t elements(arch::NodeIndex value) const {
    return shape(value).ElementCount() * (batched(value) ? options.batch : 1);
  }
  // Of an operand that may be left out.
  bool wants_gradient(int i) const {
    return has_operand(i) && gradient_uses[i] != GradientUse::kNone;
  }
  bool wants_gradients() const {
    for (const GradientUse use : gradient_uses) {
      if (use != GradientUse::kNone) return true;
    }
    return false;
  }

  // A buffer that keeps its contents from the node's forward to its backward.
  BufferId Keep(std::int64_t size_bytes) {
    return arena_.Add(size_bytes, forward_step_,
                      wants_gradients() ? backward_step_ : forward_step_);
  }
  // Asks for so much of Run::scratch.
  void NeedScratch(std::int64_t size_bytes) {
    scratch_bytes_ = std::max(scratch_bytes_, size_bytes);
  }
  std::int64_t scratch_bytes() const { return scratch_bytes_; }

 private:
  const std::span<const FusedChain> chains_;  // by node
  Arena& arena_;
  const int forward_step_;
  const int backward_step_;
  std::int64_t scratch_bytes_ = 0;
};

// The kernel of one node. One run at a time.
class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual absl::Status Forward(const Run& run) = 0;
  // After a Forward in kTraining, if an operand's gradient is wanted.
  virtual absl::Status Backward(const Run& run) = 0;

  // Of a batch norm: by what Forward normalises, until the next Forward. The pointers stay.
  virtual NormCoefficients coefficients() const { return {}; }

  // Whether each element, also of gradients, depends on those at its own place alone. Then the two
  // functions below may be called for all parts of the elements instead of the two above.
  virtual bool by_element() const { return false; }
  virtual void ForwardPart(const Run& run, std::int64_t first, std::int64_t count) {}
  virtual void BackwardPart(const Run& run, std::int64_t first, std::int64_t count) {}
};

// Whether a node has work to do: all but parameters and inputs that are used as they are fed.
bool NeedsKernel(const arch::Node& node);

// One file a family, as in arch/operators; some make several operators. May throw dnnl::error.
std::unique_ptr<Kernel> MakeInput(KernelContext& context);
std::unique_ptr<Kernel> MakeConvolution(KernelContext& context);
std::unique_ptr<Kernel> MakeLinear(KernelContext& context);
std::unique_ptr<Kernel> MakeEmbedding(KernelContext& context);
std::unique_ptr<Kernel> MakeMatmul(KernelContext& context);
std::unique_ptr<Kernel> MakeAttention(KernelContext& context);
std::unique_ptr<Kernel> MakeBatchNorm(KernelContext& context);
std::unique_ptr<Kernel> MakeFeatureNorm(KernelContext& context);
std::unique_ptr<Kernel> MakeGroupNorm(KernelContext& context);
std::unique_ptr<Kernel> MakeActivation(KernelContext& context);
std::unique_ptr<Kernel> MakeSoftmax(KernelContext& context);
std::unique_ptr<Kernel> MakeDropout(KernelContext& context);
std::unique_ptr<Kernel> MakeSign(KernelContext& context);
std::unique_ptr<Kernel> MakePowerOfTwo(KernelContext& context);
std::unique_ptr<Kernel> MakeMaxPool(KernelContext& context);
std::unique_ptr<Kernel> MakeAveragePool(KernelContext& context);
std::unique_ptr<Kernel> MakeUpsample(KernelContext& context);
std::unique_ptr<Kernel> MakeAdd(KernelContext& context);
std::unique_ptr<Kernel> MakeMultiply(KernelContext& context);
std::unique_ptr<Kernel> MakeFlatten(KernelContext& context);
std::unique_ptr<Kernel> MakeConcat(KernelContext& context);
std::unique_ptr<Kernel> MakeMove(KernelContext& context);
std::unique_ptr<Kernel> MakeSoftmaxCrossEntropy(KernelContext& context);
std::unique_ptr<Kernel> MakeRowLoss(KernelContext& context);
std::unique_ptr<Kernel> MakeElementLoss(KernelContext& context);

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_KERNEL_H_
