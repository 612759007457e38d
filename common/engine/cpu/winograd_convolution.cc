// Winograd's convolution as a method.
#include <omp.h>

#include <algorithm>
#include <dnnl.hpp>
#include <limits>

#include "common/engine/cpu/convolution_method.h"
#include "common/engine/cpu/loops.h"
#include "common/engine/cpu/winograd.h"

namespace graft::engine::cpu {
namespace {

constexpr std::int64_t kKernel = 3;
constexpr std::int64_t kMaxPadding = 2;

// Whoever restricts oneDNN to older instructions means all of the backend.
bool MayUseAvx512() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41:
    case dnnl::cpu_isa::avx:
    case dnnl::cpu_isa::avx2:
    case dnnl::cpu_isa::avx2_vnni:
      return false;
    default:
      return HaveWinograd();
  }
}

WinogradShape ForwardShape(const ConvolutionProblem& problem, std::int64_t count) {
  return {.count = count,
          .channels = problem.x.channels,
          .filters = problem.y.channels,
          .height = problem.x.height,
          .width = problem.x.width,
          .out_height = problem.y.height,
          .out_width = problem.y.width,
          .pad_top = problem.padding_before[0],
          .pad_left = problem.padding_before[1]};
}

// Of the convolution of dy with turned weights that gives dx.
WinogradShape DataGradientShape(const ConvolutionProblem& problem, std::int64_t count) {
  return {.count = count,
          .channels = problem.y.channels,
          .filters = problem.x.channels,
          .height = problem.y.height,
          .width = problem.y.width,
          .out_height = problem.x.height,
          .out_width = problem.x.width,
          .pad_top = kKernel - 1 - problem.padding_before[0],
          .pad_left = kKernel - 1 - problem.padding_before[1]};
}

class WinogradConvolutionMethod final : public ConvolutionMethod {
 public:
  WinogradConvolutionMethod(const ConvolutionProblem& problem, std::int64_t batch)
      : problem_(problem),
        transformed_elements_(
            (WinogradWeightElements(problem.x.channels, problem.y.channels) + 15) / 16 * 16),
        scratch_bytes_(
            (transformed_elements_ +
             WinogradScratchElements(ForwardShape(problem, batch), omp_get_max_threads())) *
            static_cast<std::int64_t>(sizeof(float))) {}

  std::int64_t scratch_bytes() const override { return scratch_bytes_; }

  absl::Status Forward(std::int64_t count, const float* x, const float* weight, const float* bias,
                       float* scratch, float* y) override {
    Convolve(count, x, weight, bias, kNoFloor, scratch, y);
    return absl::OkStatus();
  }

  absl::Status FoldedForward(std::int64_t count, const float* x, const float* weight,
                             const float* bias, float* scratch, float* y) override {
    Convolve(count, x, weight, bias, problem_.folded_relu ? 0.0F : kNoFloor, scratch, y);
    return absl::OkStatus();
  }

  absl::Status DataGradient(std::int64_t count, const float* dy, const float* weight,
                            float* scratch, float* dx) override {
    TransformTurnedWeight(weight, problem_.y.channels, problem_.x.channels, scratch);
    WinogradConvolution(DataGradientShape(problem_, count), dy, scratch, /*bias=*/nullptr, kNoFloor,
                        scratch + transformed_elements_, dx);
    return absl::OkStatus();
  }

  absl::Status WeightGradient(std::int64_t count, const float* x, const float* dy, float* scratch,
                              float* dweight, float* dbias) override {
    WinogradWeightGradient(ForwardShape(problem_, count), x, dy, scratch,
                           scratch + transformed_elements_, dweight);
    if (!problem_.bias) return absl::OkStatus();
    std::fill_n(dbias, problem_.y.channels, 0.0F);
    SumRows(dy, count * problem_.y.plane(), problem_.y.channels, dbias);
    return absl::OkStatus();
  }

 private:
  static constexpr float kNoFloor = -std::numeric_limits<float>::infinity();

  void Convolve(std::int64_t count, const float* x, const float* weight, const float* bias,
                float floor, float* scratch, float* y) const {
    TransformWeight(weight, problem_.y.channels, problem_.x.channels, scratch);
    WinogradConvolution(ForwardShape(problem_, count), x, scratch, bias, floor,
                        scratch + transformed_elements_, y);
  }

  const ConvolutionProblem problem_;
  const std::int64_t transformed_elements_;
  const std::int64_t scratch_bytes_;
};

}  // namespace

bool WinogradFits(const ConvolutionProblem& problem) {
  const auto fits = [&](int axis) {
    return problem.weight[2 + axis] == kKernel && problem.strides[axis] == 1 &&
           problem.dilates[axis] == 0 && problem.padding_before[axis] <= kMaxPadding &&
           problem.padding_after[axis] <= kMaxPadding;
  };
  return problem.groups == 1 && fits(0) && fits(1) && MayUseAvx512();
}

std::unique_ptr<ConvolutionMethod> MakeWinogradConvolution(const ConvolutionProblem& problem,
                                                           std::int64_t batch) {
  return std::make_unique<WinogradConvolutionMethod>(problem, batch);
}

}  // namespace graft::engine::cpu
