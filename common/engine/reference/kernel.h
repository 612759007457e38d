// Kernels of the reference backend: one an operator, keyed by the operator's name.
//
// A kernel keeps nothing between forward and backward; what the backward needs is computed again.
// Internal to engine/reference.
#ifndef GRAFT_COMMON_ENGINE_REFERENCE_KERNEL_H_
#define GRAFT_COMMON_ENGINE_REFERENCE_KERNEL_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/arch/architecture.h"
#include "common/engine/backend.h"

namespace graft::engine::reference {

// The value of a node during a run. Integers are kept as float64, too.
struct Value {
  std::int64_t outer = 1;        // examples; 1 if the value is not batched
  tensor::Shape shape;           // of one example
  std::vector<double> data;      // [outer, shape...], row-major
  std::vector<double> gradient;  // of the loss, as `data`; starts at zero
};

// One node in one run.
struct Call {
  const arch::Node& node;
  const PlanOptions& options;
  arch::NodeIndex index = 0;
  Mode mode = Mode::kInference;
  std::uint64_t step_seed = 0;
  std::vector<Value*> operands;
  Value* result = nullptr;
};

struct Kernel {
  // Computes result->data, which has its size. May update operands that are statistics.
  void (*forward)(const Call&) = nullptr;
  // Adds to each operand's gradient, given result->gradient, after a forward in kTraining.
  void (*backward)(const Call&) = nullptr;
};

// Null if there is none. `input` and `parameter` have kernels that do nothing.
const Kernel* FindKernel(std::string_view op);

// One file a family, as in arch/operators.
extern const Kernel kConvolution;
extern const Kernel kLinear;
extern const Kernel kEmbedding;
extern const Kernel kMatmul;
extern const Kernel kAttention;
extern const Kernel kBatchNorm;
extern const Kernel kLayerNorm;
extern const Kernel kRmsNorm;
extern const Kernel kGroupNorm;
extern const Kernel kRelu;
extern const Kernel kLeakyRelu;
extern const Kernel kRelu6;
extern const Kernel kGelu;
extern const Kernel kSilu;
extern const Kernel kHardSwish;
extern const Kernel kSigmoid;
extern const Kernel kTanh;
extern const Kernel kSoftmax;
extern const Kernel kDropout;
extern const Kernel kDropPath;
extern const Kernel kSign;
extern const Kernel kPowerOfTwo;
extern const Kernel kMaxPool;
extern const Kernel kAveragePool;
extern const Kernel kGlobalMaxPool;
extern const Kernel kGlobalAveragePool;
extern const Kernel kUpsample;
extern const Kernel kAdd;
extern const Kernel kMultiply;
extern const Kernel kConcat;
extern const Kernel kFlatten;
extern const Kernel kSlice;
extern const Kernel kPad;
extern const Kernel kTranspose;
extern const Kernel kTokens;
extern const Kernel kFeatureMap;
extern const Kernel kSoftmaxCrossEntropy;
extern const Kernel kSoftLabelCrossEntropy;
extern const Kernel kBinaryCrossEntropy;
extern const Kernel kFocalLoss;
extern const Kernel kMeanSquaredError;
extern const Kernel kKlDivergence;

}  // namespace graft::engine::reference

#endif  // GRAFT_COMMON_ENGINE_REFERENCE_KERNEL_H_
