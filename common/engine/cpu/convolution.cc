// Convolution, channels-last: each pass by the method that is fastest for it.
#include <algorithm>
#include <array>
#include <span>

#include "common/base/status_macros.h"
#include "common/engine/cpu/avx512_convolution.h"
#include "common/engine/cpu/convolution_method.h"
#include "common/engine/cpu/folded_norm.h"
#include "common/engine/cpu/kernel.h"
#include "common/engine/cpu/kernel_table.h"
#include "common/engine/cpu/loops.h"

namespace graft::engine::cpu {
namespace {

enum { kX, kWeight, kBias };

// Without what depends on the plan.
ConvolutionProblem ProblemOf(const arch::Architecture& architecture, const arch::Node& node) {
  const auto type = [&](int operand) { return architecture.node(node.operands[operand]).type; };
  const std::vector<std::int64_t>& padding = arch::GetInts(node.attributes, "padding");
  const std::vector<std::int64_t>& dilation = arch::GetInts(node.attributes, "dilation");
  const tensor::Shape weight = type(kWeight).shape;
  return {.x = ExtentOf(type(kX)),
          .y = ExtentOf(node.type),
          .weight = {weight.dims().begin(), weight.dims().end()},
          .groups = arch::GetInt(node.attributes, "groups"),
          .strides = arch::GetInts(node.attributes, "strides"),
          .dilates = {dilation[0] - 1, dilation[1] - 1},
          .padding_before = {padding[0], padding[1]},
          .padding_after = {padding[2], padding[3]},
          .bias = node.operands.size() > kBias};
}

// How many times the products that Winograd's filtering takes the direct sum takes. The kernel
// table compares the methods where tiles cover the result; where the direct sum takes less than
// this because they stand out, it is faster.
constexpr double kLeastSaving = 1.8;

double WinogradSaving(const ConvolutionProblem& problem) {
  const auto tiles = [](std::int64_t extent) {
    return (extent + kWinogradTile - 1) / kWinogradTile;
  };
  const std::int64_t kernel = problem.weight[2];
  const std::int64_t patch = kWinogradTile + kernel - 1;
  return static_cast<double>(problem.y.plane() * kernel * kernel) /
         static_cast<double>(tiles(problem.y.height) * tiles(problem.y.width) * patch * patch);
}

bool IsPointwise(const ConvolutionProblem& problem) {
  const auto is_one = [](std::int64_t value) { return value == 1; };
  return problem.weight[2] == 1 && problem.weight[3] == 1 &&
         std::ranges::all_of(problem.strides, is_one);
}

ConvolutionKind KindOf(const ConvolutionProblem& problem) {
  if (problem.groups > 1) {
    return problem.weight[1] == 1 ? ConvolutionKind::kDepthwise : ConvolutionKind::kGrouped;
  }
  if (WinogradFits(problem) && WinogradSaving(problem) >= kLeastSaving) {
    return problem.weight[2] == 3 ? ConvolutionKind::kTiled3 : ConvolutionKind::kTiled5;
  }
  return IsPointwise(problem) ? ConvolutionKind::kPointwise : ConvolutionKind::kOther;
}

Method FastestFor(const ConvolutionProblem& problem, const PlanOptions& options,
                  const KernelTable& kernels, ConvolutionPass pass) {
  if (options.exact) return Method::kDirect;
  const ConvolutionKind kind = KindOf(problem);
  // oneDNN's needs a pass over memory for the norm.
  if (problem.normed && pass != ConvolutionPass::kDataGradient && PointwiseFits(problem)) {
    return Method::kPointwise;
  }
  const recipe::Precision precision =
      AdmitsBfloat16(problem, options) ? recipe::Precision::kBfloat16 : recipe::Precision::kFloat32;
  const Method fastest = kernels.Fastest(precision, kind, pass, problem.x.channels / problem.groups,
                                         problem.y.channels / problem.groups);
  // The table may be of another machine.
  return MethodFits(fastest, problem) ? fastest : Method::kDirect;
}

// Each pass by the method that is fastest for it.
class FastestMethod final : public ConvolutionMethod {
 public:
  FastestMethod(const ConvolutionProblem& problem, const KernelContext& context) {
    for (const Method method :
         {Method::kDirect, Method::kWinograd, Method::kPointwise, Method::kBfloat16}) {
      const auto part = [&](ConvolutionPass pass) {
        return FastestFor(problem, context.options, context.kernels, pass) == method;
      };
      ConvolutionProblem passes = problem;
      passes.forward = problem.forward && part(ConvolutionPass::kForward);
      passes.data_gradient = problem.data_gradient && part(ConvolutionPass::kDataGradient);
      passes.weight_gradient = problem.weight_gradient && part(ConvolutionPass::kWeightGradient);
      if (!passes.forward && !passes.data_gradient && !passes.weight_gradient) continue;
      methods_.push_back(MakeConvolutionMethod(method, passes, context.options.batch));
      if (passes.forward) forward_ = methods_.back().get();
      if (passes.data_gradient) data_gradient_ = methods_.back().get();
      if (passes.weight_gradient) weight_gradient_ = methods_.back().get();
    }
  }

  std::int64_t scratch_bytes() const override {
    std::int64_t most = 0;
    for (const auto& method : methods_) most = std::max(most, method->scratch_bytes());
    return most;
  }
  absl::Status Forward(std::int64_t count, const ConvolutionOperand& operand, const float* weight,
                       const float* bias, float* scratch, float* y) override {
    return forward_->Forward(count, operand, weight, bias, scratch, y);
  }
  absl::Status FoldedForward(std::int64_t count, const float* x, const float* weight,
                             const float* bias, float* scratch, float* y) override {
    return forward_->FoldedForward(count, x, weight, bias, scratch, y);
  }
  absl::Status DataGradient(std::int64_t count, const float* dy, const float* weight,
                            float* scratch, float* dx) override {
    return data_gradient_->DataGradient(count, dy, weight, scratch, dx);
  }
  absl::Status WeightGradient(std::int64_t count, const ConvolutionOperand& operand,
                              const float* dy, float* scratch, float* dweight,
                              float* dbias) override {
    return weight_gradient_->WeightGradient(count, operand, dy, scratch, dweight, dbias);
  }

 private:
  std::vector<std::unique_ptr<ConvolutionMethod>> methods_;  // that have a pass
  // Null: not wanted.
  ConvolutionMethod* forward_ = nullptr;
  ConvolutionMethod* data_gradient_ = nullptr;
  ConvolutionMethod* weight_gradient_ = nullptr;
};

// Of the run's scratch, the method has the first part. What the kernel itself needs beside a call
// of the method lies behind it: gradients that are to be added to others or that nobody wants, and
// the tensors that a batch norm is folded into.
class Convolution final : public Kernel {
 public:
  Convolution(const ConvolutionProblem& problem, KernelContext& context)
      : x_(context.operand(kX)),
        weight_(context.operand(kWeight)),
        bias_(context.has_operand(kBias) ? context.operand(kBias) : -1),
        y_(context.result),
        problem_(problem),
        uses_(context.gradient_uses),
        method_(problem_, context),
        method_scratch_(RoundUp((method_.scratch_bytes() + kFloatBytes - 1) / kFloatBytes)),
        weight_elements_(context.shape(weight_).ElementCount()) {
    if (context.fused.prologue >= 0) {
      prologue_coefficients_ = context.prologue_coefficients;
      prologue_x_ = context.architecture.node(context.fused.prologue).operands[kX];
    }
    if (problem_.folded) {
      folded_norm_ = &context.folded_node();
      folded_result_ = context.folded_chain().result;
    }
    const bool adds = uses_[kX] == GradientUse::kAdd;
    const std::int64_t dx = adds ? context.options.batch * problem_.x.elements() : 0;
    const std::int64_t dbias = problem_.weight_gradient ? problem_.y.channels : 0;
    const std::int64_t folded = problem_.folded ? weight_elements_ + problem_.y.channels : 0;
    const std::int64_t most = std::max({dx, OwnWeightGradient() + dbias, folded});
    context.NeedScratch((method_scratch_ + most) * kFloatBytes);
  }

  absl::Status Forward(const Run& run) override {
    const float* const bias = bias_ >= 0 ? run.value(bias_) : nullptr;
    if (run.mode == Mode::kInference && problem_.folded) return FoldedForward(run, bias);
    return method_.Forward(run.count, OperandOf(run), run.value(weight_), bias, run.scratch,
                           run.mutable_value(y_));
  }

  absl::Status Backward(const Run& run) override {
    if (problem_.weight_gradient) RETURN_IF_ERROR(PassWeightGradient(run));
    if (!problem_.data_gradient) return absl::OkStatus();
    const bool add = uses_[kX] == GradientUse::kAdd;
    float* const dx = add ? OwnScratch(run) : run.gradient(x_);
    RETURN_IF_ERROR(
        method_.DataGradient(run.count, run.gradient(y_), run.value(weight_), run.scratch, dx));
    if (add) Accumulate(dx, run.count * problem_.x.elements(), run.gradient(x_));
    return absl::OkStatus();
  }

 private:
  static constexpr std::int64_t kFloatBytes = sizeof(float);

  // To whole lines of the cache.
  static std::int64_t RoundUp(std::int64_t elements) { return (elements + 15) / 16 * 16; }

  float* OwnScratch(const Run& run) const { return run.scratch + method_scratch_; }

  ConvolutionOperand OperandOf(const Run& run) const {
    if (run.prologues && prologue_x_ >= 0) return {run.value(prologue_x_), &prologue_coefficients_};
    return {run.value(x_)};
  }

  // Elements of a weight gradient that cannot be written where it belongs.
  std::int64_t OwnWeightGradient() const {
    const bool own = problem_.weight_gradient && uses_[kWeight] != GradientUse::kWrite;
    return own ? weight_elements_ : 0;
  }

  absl::Status FoldedForward(const Run& run, const float* bias) {
    const std::span<const float> weight(run.value(weight_), weight_elements_);
    float* const folded_weight = OwnScratch(run);
    float* const folded_bias = folded_weight + weight_elements_;
    FoldNorm(*folded_norm_, run, {weight, bias}, folded_weight,
             {folded_bias, static_cast<std::size_t>(problem_.y.channels)});
    return method_.FoldedForward(run.count, run.value(x_), folded_weight, folded_bias, run.scratch,
                                 run.mutable_value(folded_result_));
  }

  absl::Status PassWeightGradient(const Run& run) {
    const bool direct = uses_[kWeight] == GradientUse::kWrite;
    float* const dweight = direct ? run.gradient(weight_) : OwnScratch(run);
    float* const dbias = OwnScratch(run) + OwnWeightGradient();
    RETURN_IF_ERROR(method_.WeightGradient(run.count, OperandOf(run), run.gradient(y_), run.scratch,
                                           dweight, dbias));
    if (uses_[kWeight] == GradientUse::kAdd) {
      Accumulate(dweight, weight_elements_, run.gradient(weight_));
    }
    if (bias_ >= 0) {
      PassGradient(uses_[kBias], dbias, problem_.y.channels, run.gradient(bias_));
    }
    return absl::OkStatus();
  }

  const arch::NodeIndex x_, weight_, bias_, y_;
  const ConvolutionProblem problem_;
  const std::vector<GradientUse> uses_;
  FastestMethod method_;
  const std::int64_t method_scratch_;  // elements
  const std::int64_t weight_elements_;
  // What the prologue normalises, -1 if there is none, and by what.
  arch::NodeIndex prologue_x_ = -1;
  NormCoefficients prologue_coefficients_ = {};
  // Of what is folded: the batch norm, and where inference leaves its result.
  const arch::Node* folded_norm_ = nullptr;
  arch::NodeIndex folded_result_ = -1;
};

}  // namespace

bool TakesNorm(const arch::Architecture& architecture, arch::NodeIndex convolution,
               const PlanOptions& options, const KernelTable& kernels) {
  ConvolutionProblem problem = ProblemOf(architecture, architecture.node(convolution));
  // Tiles of wider images share too few of the rows that are normalised for them.
  constexpr std::int64_t kWidestImage = 64;
  if (problem.x.width > kWidestImage && problem.weight[2] > 1) return false;
  // With so many channels, a pass over memory takes longer than what oneDNN gains without it.
  constexpr std::int64_t kLeastChannels = 48;
  problem.normed = problem.x.channels >= kLeastChannels && !AdmitsBfloat16(problem, options);
  return std::ranges::all_of(
      std::array{ConvolutionPass::kForward, ConvolutionPass::kWeightGradient},
      [&](ConvolutionPass pass) {
        const Method method = FastestFor(problem, options, kernels, pass);
        return method == Method::kWinograd || method == Method::kPointwise;
      });
}

bool AdmitsBfloat16(const ConvolutionProblem& problem, const PlanOptions& options) {
  // With fewer, to round and rearrange the weights takes longer than the products save.
  constexpr std::int64_t kLeastRows = 256;
  return !options.exact && options.precision == recipe::Precision::kBfloat16 && HaveBfloat16() &&
         options.batch * problem.y.plane() >= kLeastRows;
}

bool MethodFits(Method method, const ConvolutionProblem& problem) {
  switch (method) {
    case Method::kWinograd:
      return WinogradFits(problem);
    case Method::kPointwise:
      return PointwiseFits(problem);
    case Method::kBfloat16:
      return HaveBfloat16();
    case Method::kDirect:
      break;
  }
  return true;
}

std::unique_ptr<ConvolutionMethod> MakeConvolutionMethod(Method method,
                                                         const ConvolutionProblem& problem,
                                                         std::int64_t batch) {
  switch (method) {
    case Method::kWinograd:
      return MakeWinogradConvolution(problem, batch);
    case Method::kPointwise:
      return MakePointwiseConvolution(problem, batch);
    case Method::kBfloat16:
      return MakeBfloat16Convolution(problem, batch);
    case Method::kDirect:
      break;
  }
  return DepthwiseFits(problem) ? MakeDepthwiseConvolution(problem, batch)
                                : MakeDirectConvolution(problem, batch);
}

std::unique_ptr<Kernel> MakeConvolutionKernel(const ConvolutionProblem& problem,
                                              KernelContext& context) {
  return std::make_unique<Convolution>(problem, context);
}

std::unique_ptr<Kernel> MakeConvolution(KernelContext& context) {
  ConvolutionProblem problem = ProblemOf(context.architecture, context.node);
  problem.normed = context.fused.prologue >= 0;
  problem.folded = context.fused.folded >= 0;
  problem.folded_relu = problem.folded && context.folded_chain().relu;
  problem.data_gradient = context.wants_gradient(kX);
  problem.weight_gradient = context.wants_gradient(kWeight) || context.wants_gradient(kBias);
  return MakeConvolutionKernel(problem, context);
}

}  // namespace graft::engine::cpu
