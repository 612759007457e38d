// Convolution, channels-last: each pass by the method that is fastest for it.
#include <algorithm>
#include <optional>

#include "common/base/status_macros.h"
#include "common/engine/cpu/convolution_method.h"
#include "common/engine/cpu/folded_norm.h"
#include "common/engine/cpu/kernel.h"
#include "common/engine/cpu/kernel_table.h"
#include "common/engine/cpu/loops.h"

namespace graft::engine::cpu {
namespace {

enum { kX, kWeight, kBias };

ConvolutionProblem ProblemOf(const KernelContext& context) {
  const arch::Attributes& attributes = context.node.attributes;
  const std::vector<std::int64_t>& padding = arch::GetInts(attributes, "padding");
  const std::vector<std::int64_t>& dilation = arch::GetInts(attributes, "dilation");
  const auto weight = context.shape(context.operand(kWeight)).dims();
  const auto wanted = [&](int operand) {
    return context.has_operand(operand) && context.gradient_uses[operand] != GradientUse::kNone;
  };
  return {.x = context.extent(context.operand(kX)),
          .y = context.extent(context.result),
          .weight = {weight.begin(), weight.end()},
          .groups = arch::GetInt(attributes, "groups"),
          .strides = arch::GetInts(attributes, "strides"),
          .dilates = {dilation[0] - 1, dilation[1] - 1},
          .padding_before = {padding[0], padding[1]},
          .padding_after = {padding[2], padding[3]},
          .bias = context.has_operand(kBias),
          .folded = context.fused.folded >= 0,
          .folded_relu = context.fused.folded >= 0 && context.folded_chain().relu,
          .data_gradient = wanted(kX),
          .weight_gradient = wanted(kWeight) || wanted(kBias)};
}

// The part of Winograd's tiles that lies on the result. The kernel table compares the methods where
// tiles fit; where less than this is left of what they save, the direct sum is faster.
constexpr double kLeastTileUse = 0.45;

double TileUse(const Extent& result) {
  constexpr std::int64_t kTile = 4;
  const auto covered = [](std::int64_t extent) { return (extent + kTile - 1) / kTile * kTile; };
  return static_cast<double>(result.plane()) /
         static_cast<double>(covered(result.height) * covered(result.width));
}

// The passes that Winograd's method is to compute, or those of the other one.
ConvolutionProblem PassesOf(const ConvolutionProblem& problem, const KernelContext& context,
                            bool winograd) {
  const bool fits =
      !context.options.exact && WinogradFits(problem) && TileUse(problem.y) >= kLeastTileUse;
  const auto part = [&](ConvolutionPass pass) {
    return winograd ==
           (fits && context.kernels.PrefersWinograd(pass, problem.x.channels, problem.y.channels));
  };
  ConvolutionProblem passes = problem;
  passes.forward = problem.forward && part(ConvolutionPass::kForward);
  passes.data_gradient = problem.data_gradient && part(ConvolutionPass::kDataGradient);
  passes.weight_gradient = problem.weight_gradient && part(ConvolutionPass::kWeightGradient);
  return passes;
}

bool AnyPass(const ConvolutionProblem& problem) {
  return problem.forward || problem.data_gradient || problem.weight_gradient;
}

// Each pass by the method that is faster for it.
class FastestMethod final : public ConvolutionMethod {
 public:
  FastestMethod(const ConvolutionProblem& problem, const KernelContext& context) {
    const std::int64_t batch = context.options.batch;
    const ConvolutionProblem by_winograd = PassesOf(problem, context, true);
    const ConvolutionProblem by_direct = PassesOf(problem, context, false);
    if (AnyPass(by_winograd)) winograd_ = MakeWinogradConvolution(by_winograd, batch);
    if (AnyPass(by_direct)) {
      direct_ = DepthwiseFits(by_direct) ? MakeDepthwiseConvolution(by_direct, batch)
                                         : MakeDirectConvolution(by_direct, batch);
    }
    const auto method = [&](bool winograd) { return winograd ? winograd_.get() : direct_.get(); };
    forward_ = method(by_winograd.forward);
    data_gradient_ = method(by_winograd.data_gradient);
    weight_gradient_ = method(by_winograd.weight_gradient);
  }

  std::int64_t scratch_bytes() const override {
    return std::max(winograd_ ? winograd_->scratch_bytes() : 0,
                    direct_ ? direct_->scratch_bytes() : 0);
  }
  absl::Status Forward(std::int64_t count, const float* x, const float* weight, const float* bias,
                       float* scratch, float* y) override {
    return forward_->Forward(count, x, weight, bias, scratch, y);
  }
  absl::Status FoldedForward(std::int64_t count, const float* x, const float* weight,
                             const float* bias, float* scratch, float* y) override {
    return forward_->FoldedForward(count, x, weight, bias, scratch, y);
  }
  absl::Status DataGradient(std::int64_t count, const float* dy, const float* weight,
                            float* scratch, float* dx) override {
    return data_gradient_->DataGradient(count, dy, weight, scratch, dx);
  }
  absl::Status WeightGradient(std::int64_t count, const float* x, const float* dy, float* scratch,
                              float* dweight, float* dbias) override {
    return weight_gradient_->WeightGradient(count, x, dy, scratch, dweight, dbias);
  }

 private:
  std::unique_ptr<ConvolutionMethod> winograd_, direct_;  // null: has no pass
  ConvolutionMethod *forward_, *data_gradient_, *weight_gradient_;
};

std::int64_t Bytes(std::int64_t elements) {
  return elements * static_cast<std::int64_t>(sizeof(float));
}

class Convolution final : public Kernel {
 public:
  explicit Convolution(KernelContext& context)
      : x_(context.operand(kX)),
        weight_(context.operand(kWeight)),
        bias_(context.has_operand(kBias) ? context.operand(kBias) : -1),
        y_(context.result),
        problem_(ProblemOf(context)),
        uses_(context.gradient_uses),
        method_(problem_, context),
        method_scratch_((method_.scratch_bytes() + 63) / 64 * 64),
        weight_elements_(context.shape(weight_).ElementCount()),
        weight_gradient_(uses_[kWeight] == GradientUse::kWrite ? 0 : Bytes(weight_elements_)),
        bias_gradient_(Bytes(problem_.y.channels)) {
    const bool adds = uses_[kX] == GradientUse::kAdd;
    context.NeedScratch(method_scratch_ +
                        (adds ? Bytes(context.options.batch * problem_.x.elements()) : 0));
    if (problem_.folded) {
      folded_.emplace(context.folded_node(), problem_.y.channels, weight_elements_);
      folded_result_ = context.folded_chain().result;
    }
  }

  absl::Status Forward(const Run& run) override {
    const float* const bias = bias_ >= 0 ? run.value(bias_) : nullptr;
    if (run.mode == Mode::kInference && folded_) {
      folded_->Fold(run, run.value(weight_), bias);
      return method_.FoldedForward(run.count, run.value(x_), folded_->weight(), folded_->bias(),
                                   run.scratch, run.mutable_value(folded_result_));
    }
    return method_.Forward(run.count, run.value(x_), run.value(weight_), bias, run.scratch,
                           run.mutable_value(y_));
  }

  absl::Status Backward(const Run& run) override {
    if (problem_.weight_gradient) RETURN_IF_ERROR(PassWeightGradient(run));
    if (!problem_.data_gradient) return absl::OkStatus();
    const bool add = uses_[kX] == GradientUse::kAdd;
    float* const dx = add ? run.scratch + method_scratch_ / static_cast<std::int64_t>(sizeof(float))
                          : run.gradient(x_);
    RETURN_IF_ERROR(
        method_.DataGradient(run.count, run.gradient(y_), run.value(weight_), run.scratch, dx));
    if (add) Accumulate(dx, run.count * problem_.x.elements(), run.gradient(x_));
    return absl::OkStatus();
  }

 private:
  absl::Status PassWeightGradient(const Run& run) {
    const bool direct = uses_[kWeight] == GradientUse::kWrite;
    float* const dweight = direct ? run.gradient(weight_) : weight_gradient_.floats();
    RETURN_IF_ERROR(method_.WeightGradient(run.count, run.value(x_), run.gradient(y_), run.scratch,
                                           dweight, bias_gradient_.floats()));
    if (uses_[kWeight] == GradientUse::kAdd) {
      Accumulate(dweight, weight_elements_, run.gradient(weight_));
    }
    if (bias_ >= 0) {
      PassGradient(uses_[kBias], bias_gradient_.floats(), problem_.y.channels, run.gradient(bias_));
    }
    return absl::OkStatus();
  }

  const arch::NodeIndex x_, weight_, bias_, y_;
  const ConvolutionProblem problem_;
  const std::vector<GradientUse> uses_;
  FastestMethod method_;
  const std::int64_t method_scratch_;  // bytes
  std::optional<FoldedNorm> folded_;
  arch::NodeIndex folded_result_ = -1;  // where inference leaves what is folded
  const std::int64_t weight_elements_;
  // For gradients that are added to others or that nobody wants.
  const AlignedBuffer weight_gradient_;
  const AlignedBuffer bias_gradient_;
};

}  // namespace

std::unique_ptr<Kernel> MakeConvolution(KernelContext& context) {
  return std::make_unique<Convolution>(context);
}

}  // namespace graft::engine::cpu
