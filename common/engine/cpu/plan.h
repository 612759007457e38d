// The CPU backend's plan: kernels in order, and the memory that they share. Internal to engine/cpu.
#ifndef GRAFT_COMMON_ENGINE_CPU_PLAN_H_
#define GRAFT_COMMON_ENGINE_CPU_PLAN_H_

#include <memory>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "common/engine/backend.h"
#include "common/engine/cpu/arena.h"
#include "common/engine/cpu/cpu_backend.h"
#include "common/engine/cpu/fusion.h"
#include "common/engine/cpu/kernel.h"

namespace graft::engine::cpu {

class CpuPlan final : public Plan {
 public:
  // The architecture has been checked, and has a kernel for every operator. RESOURCE_EXHAUSTED: its
  // buffers would take more than the backend's limit. Throws dnnl::error.
  static absl::StatusOr<std::unique_ptr<CpuPlan>> Create(const arch::Architecture& architecture,
                                                         const PlanOptions& options,
                                                         const CpuBackendOptions& backend);

  absl::Status Forward(Mode mode, const Feed& feed, ParameterVector& parameters) override;
  absl::Status Backward(const Feed& feed, const ParameterVector& parameters,
                        ParameterVector& gradients) override;
  absl::StatusOr<std::optional<arch::NodeIndex>> FindNonFinite(
      const Feed& feed, ParameterVector& parameters) override;
  std::span<const float> Value(arch::NodeIndex node) override;

  const arch::Architecture& architecture() const override { return architecture_; }
  const ParameterLayout& layout() const override { return layout_; }
  std::int64_t memory_bytes() const override;
  // Of what memory_bytes counts, the part that values and gradients take, and the least that any
  // layout of them could take.
  std::int64_t arena_bytes() const { return arena_.size_bytes(); }
  std::int64_t largest_live_bytes() const { return arena_.LargestLiveBytes(); }

 private:
  CpuPlan(const arch::Architecture& architecture, const PlanOptions& options,
          const CpuBackendOptions& backend);

  // A kernel with the node whose value it computes.
  struct Step {
    arch::NodeIndex node = 0;
    arch::NodeIndex result = 0;
    std::unique_ptr<Kernel> kernel;
    bool backward = false;  // some operand's gradient is wanted
    // Whether it is computed along with the step before it: both by element, and this one alone
    // reads that one's result. Blocks of elements go through all steps of such a chain while the
    // first cache holds them.
    bool chained = false;
  };
  // A wanted value that is channels-last and has to be brought into plain layout to be read.
  struct PlainCopy {
    arch::NodeIndex node = 0;
    std::int64_t size_bytes = 0;
    AlignedBuffer values;
  };

  // By position among the steps: forward k = 0 .. K-1, backward 2K - 1 - k.
  int BackwardStep(int step) const { return 2 * step_count_ - 1 - step; }
  // The chain of a step: its first and its last one.
  int ChainStart(int step) const;
  int ChainEnd(int step) const;

  void ChooseSteps();
  void ChooseGradientUses();
  void MakeKernels();
  void ChooseChains();
  // plan_memory.cc
  void PlaceValues();
  void Allocate();
  std::int64_t SizeBytes(arch::NodeIndex node) const;
  int FirstWriteOfValue(int k) const;
  int LastReadBy(arch::NodeIndex user, int k) const;
  int LastReadOfValue(int k) const;
  int FirstWriteOfGradient(int k) const;

  // Forward until `go_on(node)`, called after each step or chain with its result, is false. With
  // `prologues` there are no values of those batch norms.
  absl::Status ForwardWhile(Mode mode, const Feed& feed, ParameterVector& parameters,
                            bool prologues, absl::FunctionRef<bool(arch::NodeIndex)> go_on);
  // All steps of the chain that begins with `start`.
  absl::Status RunChain(int start, Pass pass, const Run& run) const;
  absl::Status RunKernels(int start, int end, Pass pass, const Run& run) const;
  Run MakeRun(Mode mode, const Feed& feed) const;
  void BindInputs(const Feed& feed);
  void BindParameters(const ParameterVector& parameters);
  void BindGradients(ParameterVector& gradients);

  const arch::Architecture architecture_;
  const ParameterLayout layout_;
  const PlanOptions options_;
  const CpuBackendOptions backend_;

  // By node. `step_of_` is -1 for what has no kernel: parameters, most inputs, what is fused behind
  // another.
  const std::vector<FusedChain> fused_;
  std::vector<int> step_of_;
  std::vector<bool> has_gradient_;
  std::vector<std::vector<GradientUse>> gradient_uses_;
  int step_count_ = 0;

  std::vector<Step> steps_;
  Arena arena_;
  std::vector<BufferId> value_buffers_;     // by step
  std::vector<BufferId> gradient_buffers_;  // by step; -1: none
  std::int64_t scratch_bytes_ = 0;
  AlignedBuffer scratch_;
  std::vector<void*> values_;      // by node
  std::vector<float*> gradients_;  // by node
  std::vector<PlainCopy> plain_copies_;

  std::int64_t count_ = 0;  // of the last successful Forward; 0: none
  bool trained_ = false;    // it was in kTraining
};

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_PLAN_H_
