// Ways to compute a convolution. Internal to engine/cpu.
#ifndef GRAFT_COMMON_ENGINE_CPU_CONVOLUTION_METHOD_H_
#define GRAFT_COMMON_ENGINE_CPU_CONVOLUTION_METHOD_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "common/engine/cpu/avx512_convolution.h"
#include "common/engine/cpu/kernel.h"
#include "common/engine/cpu/kernel_table.h"

namespace graft::engine::cpu {

// What does not depend on the number of examples.
struct ConvolutionProblem {
  Extent x;
  Extent y;
  std::vector<std::int64_t> weight;  // [O, C / groups, kh, kw]
  std::int64_t groups = 1;
  std::vector<std::int64_t> strides;
  std::vector<std::int64_t> dilates = {0, 0};  // pixels between neighbouring taps
  std::vector<std::int64_t> padding_before;    // top, left
  std::vector<std::int64_t> padding_after;     // bottom, right
  bool bias = false;
  bool normed = false;  // the operand will come with a norm
  // Whether FoldedForward will be called, and with a ReLU.
  bool folded = false;
  bool folded_relu = false;
  // Wanted passes.
  bool forward = true;
  bool data_gradient = false;
  bool weight_gradient = false;  // of weight or bias
};

// Values are channels-last [count, H, W, C], weights plain [O, C / groups, kh, kw]. `scratch` has
// scratch_bytes() for up to the batch that the method was made for. One call at a time.
class ConvolutionMethod {
 public:
  virtual ~ConvolutionMethod() = default;

  virtual std::int64_t scratch_bytes() const = 0;

  // y is overwritten; `bias` is null without one. The operand has a norm only where
  // TakesNorm says that it may.
  virtual absl::Status Forward(std::int64_t count, const ConvolutionOperand& operand,
                               const float* weight, const float* bias, float* scratch,
                               float* y) = 0;

  // Forward with a bias and what ConvolutionProblem::folded_relu says; where `folded` is set.
  virtual absl::Status FoldedForward(std::int64_t count, const float* x, const float* weight,
                                     const float* bias, float* scratch, float* y) = 0;

  // dx is overwritten.
  virtual absl::Status DataGradient(std::int64_t count, const float* dy, const float* weight,
                                    float* scratch, float* dx) = 0;

  // Both gradients are overwritten, `dbias` only where there is a bias. The operand as in Forward.
  virtual absl::Status WeightGradient(std::int64_t count, const ConvolutionOperand& operand,
                                      const float* dy, float* scratch, float* dweight,
                                      float* dbias) = 0;
};

// oneDNN's direct convolution, for every problem. May throw dnnl::error.
std::unique_ptr<ConvolutionMethod> MakeDirectConvolution(const ConvolutionProblem& problem,
                                                         std::int64_t batch);

// The same of operands rounded to bfloat16, to nearest and ties to even: x, weights and dy, that of
// dbias included. Sums, bias and results are float32. For processors that have instructions for it.
bool HaveBfloat16();
std::unique_ptr<ConvolutionMethod> MakeBfloat16Convolution(const ConvolutionProblem& problem,
                                                           std::int64_t batch);

// For depthwise convolutions whose weight gradient oneDNN is slow at.
bool DepthwiseFits(const ConvolutionProblem& problem);
std::unique_ptr<ConvolutionMethod> MakeDepthwiseConvolution(const ConvolutionProblem& problem,
                                                            std::int64_t batch);

// Of square kernels, one group and stride 1: of 3x3 and 5x5 by WinogradConvolution, of 1x1 by
// PointwiseConvolution, see avx512_convolution.h.
bool WinogradFits(const ConvolutionProblem& problem);
std::unique_ptr<ConvolutionMethod> MakeWinogradConvolution(const ConvolutionProblem& problem,
                                                           std::int64_t batch);
bool PointwiseFits(const ConvolutionProblem& problem);
std::unique_ptr<ConvolutionMethod> MakePointwiseConvolution(const ConvolutionProblem& problem,
                                                            std::int64_t batch);

// Whether this processor has the method, and it computes such problems. kDirect fits all.
bool MethodFits(Method method, const ConvolutionProblem& problem);

// Whether the plan may compute the problem, or the linear layer that it stands for, in bfloat16:
// the precision admits it, the processor has it, and there are rows enough to round the weights
// for.
bool AdmitsBfloat16(const ConvolutionProblem& problem, const PlanOptions& options);

// Whether the node, a convolution, can have FusedChain::prologue: its passes that read the operand
// are by methods that take it with a norm, Winograd's or the pointwise one. Of 1x1 convolutions
// with many channels they then are, whatever the table says.
bool TakesNorm(const arch::Architecture& architecture, arch::NodeIndex convolution,
               const PlanOptions& options, const KernelTable& kernels);

// By `method`, which fits the problem; the direct one stands for the depthwise one, too.
std::unique_ptr<ConvolutionMethod> MakeConvolutionMethod(Method method,
                                                         const ConvolutionProblem& problem,
                                                         std::int64_t batch);

// The kernel of a problem whose node has the operands x, weight and, with one, bias: each pass by
// the method that is fastest for it.
std::unique_ptr<Kernel> MakeConvolutionKernel(const ConvolutionProblem& problem,
                                              KernelContext& context);

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_CONVOLUTION_METHOD_H_
