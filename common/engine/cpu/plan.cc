#include "common/engine/cpu/plan.h"

#include <omp.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/engine/cpu/kernel_registry.h"
#include "common/engine/cpu/loops.h"
#include "common/engine/cpu/parallel.h"
#include "common/engine/diverged.h"
#include "common/engine/graph_checks.h"

namespace graft::engine::cpu {
namespace {

// Sets the OpenMP threads of the calling thread for a scope.
class ScopedThreads {
 public:
  explicit ScopedThreads(int threads) : previous_(omp_get_max_threads()) {
    if (threads != previous_) omp_set_num_threads(threads);
  }
  ~ScopedThreads() { omp_set_num_threads(previous_); }
  ScopedThreads(const ScopedThreads&) = delete;
  ScopedThreads& operator=(const ScopedThreads&) = delete;

 private:
  const int previous_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<CpuPlan>> CpuPlan::Create(const arch::Architecture& architecture,
                                                         const PlanOptions& options,
                                                         const CpuBackendOptions& backend) {
  std::unique_ptr<CpuPlan> plan(new CpuPlan(architecture, options, backend));
  const std::int64_t limit = backend.memory_limit_bytes;
  if (limit > 0 && plan->memory_bytes() > limit) {
    return absl::ResourceExhaustedError(absl::StrCat("the plan for a batch of ", options.batch,
                                                     " would take ", plan->memory_bytes(),
                                                     " bytes, the limit is ", limit));
  }
  plan->Allocate();
  return plan;
}

CpuPlan::CpuPlan(const arch::Architecture& architecture, const PlanOptions& options,
                 const CpuBackendOptions& backend)
    : architecture_(architecture),
      layout_(architecture, options.frozen),
      options_(options),
      backend_(backend),
      fused_(FuseChains(architecture, options, backend_.kernels)),
      step_of_(architecture.nodes().size(), -1),
      has_gradient_(architecture.nodes().size(), false),
      gradient_uses_(architecture.nodes().size()),
      values_(architecture.nodes().size(), nullptr),
      gradients_(architecture.nodes().size(), nullptr) {
  const ScopedThreads scope(backend_.threads);
  if (options_.gradients) has_gradient_ = NodesWithGradient(architecture_, options_);
  ChooseSteps();
  ChooseGradientUses();
  MakeKernels();
  ChooseChains();
  PlaceValues();
}

void CpuPlan::ChooseSteps() {
  std::vector<bool> has_kernel(fused_.size());
  for (std::size_t i = 0; i < fused_.size(); ++i) {
    has_kernel[i] = NeedsKernel(architecture_.node(static_cast<arch::NodeIndex>(i)));
  }
  for (std::size_t i = 0; i < fused_.size(); ++i) {
    const auto index = static_cast<arch::NodeIndex>(i);
    if (!has_kernel[i]) continue;
    for (arch::NodeIndex next = index; next != fused_[i].result;) {
      next = architecture_.users(next)[0];
      has_kernel[next] = false;
    }
    step_of_[i] = static_cast<int>(steps_.size());
    steps_.push_back({.node = index, .result = fused_[i].result});
  }
  step_count_ = static_cast<int>(steps_.size());
}

void CpuPlan::ChooseGradientUses() {
  std::vector<bool> written(fused_.size(), false);
  for (int k = step_count_ - 1; k >= 0; --k) {
    Step& step = steps_[k];
    std::vector<GradientUse>& uses = gradient_uses_[step.node];
    for (const arch::NodeIndex operand : architecture_.node(step.node).operands) {
      if (!has_gradient_[step.result] || !has_gradient_[operand]) {
        uses.push_back(GradientUse::kNone);
        continue;
      }
      uses.push_back(written[operand] ? GradientUse::kAdd : GradientUse::kWrite);
      written[operand] = true;
      step.backward = true;
    }
  }
}

void CpuPlan::MakeKernels() {
  for (int k = 0; k < step_count_; ++k) {
    Step& step = steps_[k];
    KernelContext context(architecture_, options_, backend_.kernels, step.node, fused_, arena_, k,
                          BackwardStep(k));
    context.gradient_uses = gradient_uses_[step.node];
    if (context.fused.prologue >= 0) {
      context.prologue_coefficients =
          steps_[step_of_[context.fused.prologue]].kernel->coefficients();
    }
    step.kernel = FindKernel(context.node.op->name)->make(context);
    scratch_bytes_ = std::max(scratch_bytes_, context.scratch_bytes());
  }
}

void CpuPlan::ChooseChains() {
  for (int k = 1; k < step_count_; ++k) {
    const Step& before = steps_[k - 1];
    const arch::NodeIndex node = steps_[k].node;
    const std::vector<arch::NodeIndex>& operands = architecture_.node(node).operands;
    steps_[k].chained =
        before.kernel->by_element() && steps_[k].kernel->by_element() &&
        std::ranges::count(operands, before.result) == 1 &&
        architecture_.users(before.result).size() == 1 &&
        architecture_.node(before.result).type == architecture_.node(steps_[k].result).type;
  }
}

int CpuPlan::ChainStart(int step) const {
  while (steps_[step].chained) --step;
  return step;
}

int CpuPlan::ChainEnd(int step) const {
  while (step + 1 < step_count_ && steps_[step + 1].chained) ++step;
  return step;
}

void CpuPlan::Allocate() {
  scratch_ = AlignedBuffer(scratch_bytes_);
  for (PlainCopy& copy : plain_copies_) copy.values = AlignedBuffer(copy.size_bytes);
  arena_.Allocate();
  for (int k = 0; k < step_count_; ++k) {
    values_[steps_[k].result] = arena_.data(value_buffers_[k]);
    if (gradient_buffers_[k] < 0) continue;
    gradients_[steps_[k].result] = reinterpret_cast<float*>(arena_.data(gradient_buffers_[k]));
  }
}

Run CpuPlan::MakeRun(Mode mode, const Feed& feed) const {
  Run run;
  run.mode = mode;
  run.count = feed.count;
  run.step_seed = feed.step_seed;
  run.values = values_;
  run.gradients = gradients_;
  run.inputs = feed.inputs;
  run.arena = &arena_;
  run.scratch = scratch_.floats();
  return run;
}

absl::Status CpuPlan::RunChain(int start, Pass pass, const Run& run) const {
  const auto kernels = [&] { return RunKernels(start, ChainEnd(start), pass, run); };
  if (backend_.observer == nullptr) return kernels();
  return backend_.observer->Run(architecture_.node(steps_[start].node), pass, kernels);
}

absl::Status CpuPlan::RunKernels(int start, int end, Pass pass, const Run& run) const {
  constexpr std::int64_t kBlock = 2048;  // elements, of which the first cache holds several vectors
  if (start == end) {
    Kernel& kernel = *steps_[start].kernel;
    return pass == Pass::kForward ? kernel.Forward(run) : kernel.Backward(run);
  }
  const auto run_block = [&](std::int64_t first, std::int64_t count) {
    if (pass == Pass::kForward) {
      for (int k = start; k <= end; ++k) steps_[k].kernel->ForwardPart(run, first, count);
      return;
    }
    for (int k = end; k >= start; --k) {
      if (steps_[k].backward) steps_[k].kernel->BackwardPart(run, first, count);
    }
  };
  const arch::ValueType& type = architecture_.node(steps_[start].result).type;
  const std::int64_t size = run.outer(type.batched) * type.shape.ElementCount();
  ForEachPart(size, size, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t block = first; block < first + count; block += kBlock) {
      run_block(block, std::min(kBlock, first + count - block));
    }
  });
  return absl::OkStatus();
}

void CpuPlan::BindInputs(const Feed& feed) {
  for (std::size_t i = 0; i < feed.inputs.size(); ++i) {
    const arch::NodeIndex node = architecture_.inputs()[i];
    // Kernels read inputs alone.
    if (step_of_[node] < 0) values_[node] = const_cast<void*>(feed.inputs[i]);
  }
}

void CpuPlan::BindParameters(const ParameterVector& parameters) {
  for (const ParameterLayout::Slot& slot : layout_.slots()) {
    // Only a Forward in kTraining writes to parameters (statistics), and it was given mutable ones.
    values_[slot.node] = const_cast<float*>(parameters.values().data() + slot.offset);
  }
}

void CpuPlan::BindGradients(ParameterVector& gradients) {
  for (const ParameterLayout::Slot& slot : layout_.slots()) {
    if (!slot.trainable) continue;
    gradients_[slot.node] = gradients.slice(slot).data();
    if (!has_gradient_[slot.node]) std::ranges::fill(gradients.slice(slot), 0.0F);
  }
}

absl::Status CpuPlan::Forward(Mode mode, const Feed& feed, ParameterVector& parameters) {
  return ForwardWhile(mode, feed, parameters, /*prologues=*/mode == Mode::kTraining,
                      [](arch::NodeIndex) { return true; });
}

absl::Status CpuPlan::ForwardWhile(Mode mode, const Feed& feed, ParameterVector& parameters,
                                   bool prologues, absl::FunctionRef<bool(arch::NodeIndex)> go_on) {
  count_ = 0;
  trained_ = false;
  RETURN_IF_ERROR(CheckRun(architecture_, options_, mode, feed, layout_, parameters));
  const ScopedThreads scope(backend_.threads);
  BindInputs(feed);
  BindParameters(parameters);
  Run run = MakeRun(mode, feed);
  run.prologues = prologues;
  for (int k = 0; k < step_count_; k = ChainEnd(k) + 1) {
    RETURN_IF_ERROR(RunChain(k, Pass::kForward, run));
    if (!go_on(steps_[ChainEnd(k)].result)) return absl::OkStatus();
  }
  count_ = feed.count;
  trained_ = mode == Mode::kTraining;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<arch::NodeIndex>> CpuPlan::FindNonFinite(const Feed& feed,
                                                                      ParameterVector& parameters) {
  RETURN_IF_ERROR(CheckRun(architecture_, options_, Mode::kTraining, feed, layout_, parameters));
  std::optional<arch::NodeIndex> found = NonFiniteInput(architecture_, feed);
  if (found) return found;
  const auto is_finite = [&](arch::NodeIndex node) {
    const arch::ValueType& type = architecture_.node(node).type;
    const std::int64_t outer = type.batched ? feed.count : 1;
    const std::span<const float> values(static_cast<const float*>(values_[node]),
                                        outer * type.shape.ElementCount());
    if (!AllFinite(values)) found = node;
    return !found;
  };
  RETURN_IF_ERROR(ForwardWhile(Mode::kTraining, feed, parameters, /*prologues=*/false, is_finite));
  return found;
}

absl::Status CpuPlan::Backward(const Feed& feed, const ParameterVector& parameters,
                               ParameterVector& gradients) {
  if (!trained_ || !options_.gradients || feed.count != count_) {
    return absl::FailedPreconditionError(
        "Backward needs a Forward in training, of the same feed, before it");
  }
  if (static_cast<std::int64_t>(gradients.values().size()) < layout_.trainable_size()) {
    return absl::InvalidArgumentError("the gradients' buffer is too small");
  }
  const ScopedThreads scope(backend_.threads);
  BindInputs(feed);
  BindParameters(parameters);
  BindGradients(gradients);
  trained_ = false;  // gradients take the memory of values
  if (float* const loss = gradients_[architecture_.outputs()[0].node]; loss != nullptr) *loss = 1;
  Run run = MakeRun(Mode::kTraining, feed);
  run.prologues = true;
  for (int k = step_count_ - 1; k >= 0; k = ChainStart(k) - 1) {
    if (steps_[k].backward) RETURN_IF_ERROR(RunChain(ChainStart(k), Pass::kBackward, run));
  }
  return absl::OkStatus();
}

std::span<const float> CpuPlan::Value(arch::NodeIndex node) {
  if (count_ == 0 || !IsWanted(architecture_, options_, node)) return {};
  const arch::ValueType& type = architecture_.node(node).type;
  const std::int64_t outer = type.batched ? count_ : 1;
  const auto size = static_cast<std::size_t>(outer * type.shape.ElementCount());
  const auto* const values = static_cast<const float*>(values_[node]);
  for (PlainCopy& copy : plain_copies_) {
    if (copy.node != node) continue;
    Transpose(values, outer, type.shape.dim(1) * type.shape.dim(2), type.shape.dim(0),
              copy.values.floats());
    return {copy.values.floats(), size};
  }
  return {values, size};
}

std::int64_t CpuPlan::memory_bytes() const {
  std::int64_t bytes = arena_.size_bytes() + scratch_bytes_;
  for (const PlainCopy& copy : plain_copies_) bytes += copy.size_bytes;
  return bytes;
}

}  // namespace graft::engine::cpu
