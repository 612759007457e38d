// y = x weight^T + bias by oneDNN's matrix product: all tokens of all examples are rows of one
// matrix. In bfloat16, over many rows, it is computed as the 1x1 convolution that it is.
#include "common/base/status_macros.h"
#include "common/engine/cpu/convolution_method.h"
#include "common/engine/cpu/kernel.h"
#include "common/engine/cpu/loops.h"
#include "common/engine/cpu/matrix.h"
#include "common/engine/cpu/parallel.h"
#include "common/engine/cpu/simd.h"

namespace graft::engine::cpu {
namespace {

enum { kX, kWeight, kBias };

GRAFT_SIMD void AddToRows(const float* __restrict bias, std::int64_t rows, std::int64_t columns,
                          float* __restrict y) {
  for (std::int64_t n = 0; n < rows; ++n) {
    for (std::int64_t o = 0; o < columns; ++o) y[n * columns + o] += bias[o];
  }
}

class Linear final : public Kernel {
 public:
  explicit Linear(KernelContext& context)
      : x_(context.operand(kX)),
        weight_(context.operand(kWeight)),
        bias_(context.has_operand(kBias) ? context.operand(kBias) : -1),
        y_(context.result),
        inputs_(context.shape(weight_).dim(1)),
        outputs_(context.shape(weight_).dim(0)),
        tokens_(context.extent(x_).plane()),
        uses_(context.gradient_uses) {}

  absl::Status Forward(const Run& run) override {
    const std::int64_t rows = run.count * tokens_;
    RETURN_IF_ERROR(MultiplyMatrices(rows, outputs_, inputs_, 1.0F, {run.value(x_), inputs_},
                                     {run.value(weight_), inputs_, /*transposed=*/true}, 0.0F,
                                     run.mutable_value(y_), outputs_));
    if (bias_ >= 0) {
      ForEachPart(rows, rows * outputs_, [&](std::int64_t first, std::int64_t count) {
        AddToRows(run.value(bias_), count, outputs_, run.mutable_value(y_) + first * outputs_);
      });
    }
    return absl::OkStatus();
  }

  absl::Status Backward(const Run& run) override {
    const std::int64_t rows = run.count * tokens_;
    const float* const dy = run.gradient(y_);
    if (uses_[kX] != GradientUse::kNone) {
      RETURN_IF_ERROR(MultiplyMatrices(rows, inputs_, outputs_, 1.0F, {dy, outputs_},
                                       {run.value(weight_), inputs_}, Beta(uses_[kX]),
                                       run.gradient(x_), inputs_));
    }
    if (uses_[kWeight] != GradientUse::kNone) {
      RETURN_IF_ERROR(MultiplyMatrices(
          outputs_, inputs_, rows, 1.0F, {dy, outputs_, /*transposed=*/true},
          {run.value(x_), inputs_}, Beta(uses_[kWeight]), run.gradient(weight_), inputs_));
    }
    if (bias_ >= 0 && uses_[kBias] != GradientUse::kNone) {
      float* const sum = run.gradient(bias_);
      if (uses_[kBias] == GradientUse::kWrite) std::fill_n(sum, outputs_, 0.0F);
      SumRows(dy, rows, outputs_, sum);
    }
    return absl::OkStatus();
  }

 private:
  const arch::NodeIndex x_, weight_, bias_, y_;
  const std::int64_t inputs_, outputs_;
  const std::int64_t tokens_;
  const std::vector<GradientUse> uses_;
};

// Tokens are rows of a picture.
ConvolutionProblem PointwiseProblemOf(const KernelContext& context) {
  const tensor::Shape& weight = context.shape(context.operand(kWeight));
  return {.x = context.extent(context.operand(kX)),
          .y = context.extent(context.result),
          .weight = {weight.dim(0), weight.dim(1), 1, 1},
          .strides = {1, 1},
          .padding_before = {0, 0},
          .padding_after = {0, 0},
          .bias = context.has_operand(kBias),
          .data_gradient = context.wants_gradient(kX),
          .weight_gradient = context.wants_gradient(kWeight) || context.wants_gradient(kBias)};
}

}  // namespace

std::unique_ptr<Kernel> MakeLinear(KernelContext& context) {
  const ConvolutionProblem problem = PointwiseProblemOf(context);
  if (AdmitsBfloat16(problem, context.options)) return MakeConvolutionKernel(problem, context);
  return std::make_unique<Linear>(context);
}

}  // namespace graft::engine::cpu
