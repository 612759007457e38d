// Backend and Plan: how an architecture is run and differentiated on a device.
//
// A Backend compiles an architecture for a fixed batch into a Plan; a Plan runs it forward and
// backward. Parameters are bound at each call and never owned by the plan, so that one plan serves
// parent and child, training and evaluation, and later many trials.
#ifndef GRAFT_COMMON_ENGINE_BACKEND_H_
#define GRAFT_COMMON_ENGINE_BACKEND_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/arch/architecture.h"
#include "common/engine/parameters.h"
#include "common/recipe/precision.h"
#include "common/tensor/dtype.h"

namespace graft::engine {

// What a run computes.
enum class Mode {
  kInference,  // batch norm uses its statistics, dropout passes
  kTraining,   // batch norm uses the batch and updates its statistics, dropout drops
};

struct PlanOptions {
  // Examples a run. A run may use fewer (Feed::count); the plan is best at exactly this many.
  std::int64_t batch = 64;
  // Whether Backward will be called.
  bool gradients = true;
  // Direct float32 kernels only, no Winograd, whatever the precision: for preservation checks.
  bool exact = false;
  // Which methods are admitted besides; values, parameters and gradients are float32 in each.
  recipe::Precision precision = recipe::Precision::kFloat32;
  // Nodes whose values are wanted besides the outputs (calibration reads them).
  std::vector<arch::NodeIndex> fetch;
  // Parameters that are not trainable in this plan, see FrozenParameters. A batch norm whose
  // statistics are frozen uses them in kTraining, too.
  std::vector<arch::NodeIndex> frozen;
};

// Input values of one run, in the order of Architecture::inputs(); each is borrowed for the call.
// Inputs are plain row-major [count, ...] arrays of the input's dtype (float32 or int32).
struct Feed {
  std::int64_t count = 0;  // examples, 1 .. PlanOptions::batch
  std::vector<const void*> inputs;
  // Seed of what is random in this run (dropout masks); equal seeds give equal masks on every
  // backend.
  std::uint64_t step_seed = 0;
};

// A compiled architecture. Not thread-safe: one run at a time; distinct plans may run at once.
class Plan {
 public:
  virtual ~Plan() = default;

  // Computes all outputs and fetched values. In kTraining, batch-norm statistics in `parameters`
  // are updated in place: running += momentum (batch - running), the running variance from the
  // unbiased batch variance (PyTorch's convention). A count of 1 in kTraining through a batch norm
  // over a single element a channel is INVALID_ARGUMENT.
  virtual absl::Status Forward(Mode mode, const Feed& feed, ParameterVector& parameters) = 0;

  // Gradient of output 0, a scalar (the loss), of the last Forward in kTraining with respect to
  // each trainable parameter: overwrites the first trainable_size() elements of `gradients`;
  // `parameters` must be those of that Forward. FAILED_PRECONDITION without such a Forward
  // since the last Backward.
  virtual absl::Status Backward(const Feed& feed, const ParameterVector& parameters,
                                ParameterVector& gradients) = 0;

  // For a Forward in kTraining that gave what is not finite: repeats it, and returns the first node
  // in the order of computation whose value holds a NaN or an infinity, inputs first; of nodes that
  // the plan computes as one, the last. None if all are finite. Moves statistics once more; Value
  // and Backward need another Forward then.
  virtual absl::StatusOr<std::optional<arch::NodeIndex>> FindNonFinite(
      const Feed& feed, ParameterVector& parameters) = 0;

  // Value of a node (an output's or a fetched one) after the last Forward: plain row-major
  // [count, ...] or [...] if the value is not batched. Valid until the next call, of this function,
  // too. Empty if the node is neither an output nor fetched, or nothing has run.
  virtual std::span<const float> Value(arch::NodeIndex node) = 0;
  std::span<const float> Output(int index) { return Value(architecture().outputs()[index].node); }

  virtual const arch::Architecture& architecture() const = 0;
  virtual const ParameterLayout& layout() const = 0;

  // Bytes of the plan's own buffers.
  virtual std::int64_t memory_bytes() const = 0;
};

// Makes plans. Thread-safe.
class Backend {
 public:
  virtual ~Backend() = default;

  // INVALID_ARGUMENT: output 0 is not a scalar while gradients are wanted. UNIMPLEMENTED names
  // operator, precision and backend where there is no such kernel.
  virtual absl::StatusOr<std::unique_ptr<Plan>> Compile(const arch::Architecture& architecture,
                                                        const PlanOptions& options) = 0;

  // "reference", "cpu", "cuda".
  virtual std::string name() const = 0;

  // What besides the engine's version decides the bits: for the numerics class, for example
  // "onednn-2.6.3/avx512_core/kernels-1b0c3f5e/threads-1".
  virtual std::string numerics() const = 0;
};

}  // namespace graft::engine

#endif  // GRAFT_COMMON_ENGINE_BACKEND_H_
