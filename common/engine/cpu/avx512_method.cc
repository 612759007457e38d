// Convolutions by our own kernels as methods.
#include <omp.h>

#include <algorithm>
#include <dnnl.hpp>
#include <limits>

#include "common/engine/cpu/avx512_convolution.h"
#include "common/engine/cpu/convolution_method.h"
#include "common/engine/cpu/loops.h"

namespace graft::engine::cpu {
namespace {

// The buffer after so many elements begins on a line of the cache.
std::int64_t Aligned(std::int64_t elements) { return (elements + 15) / 16 * 16; }

ConvolutionShape ShapeOf(const ConvolutionProblem& problem, std::int64_t count) {
  return {.kernel = problem.weight[2],
          .count = count,
          .channels = problem.x.channels,
          .filters = problem.y.channels,
          .height = problem.x.height,
          .width = problem.x.width,
          .out_height = problem.y.height,
          .out_width = problem.y.width,
          .pad_top = problem.padding_before[0],
          .pad_left = problem.padding_before[1],
          .normed = problem.normed};
}

// Whether a ConvolutionShape can say it.
bool HasShape(const ConvolutionProblem& problem) {
  const std::int64_t kernel = problem.weight[2];
  const auto fits = [&](int axis) {
    return problem.weight[2 + axis] == kernel && problem.strides[axis] == 1 &&
           problem.dilates[axis] == 0 && problem.padding_before[axis] < kernel &&
           problem.padding_after[axis] < kernel;
  };
  return problem.groups == 1 && fits(0) && fits(1);
}

class Avx512Method final : public ConvolutionMethod {
 public:
  Avx512Method(const Avx512Convolution& algorithm, const ConvolutionProblem& problem,
               std::int64_t batch)
      : algorithm_(algorithm),
        problem_(problem),
        weight_elements_(Aligned(algorithm.weight_elements(ShapeOf(problem, batch)))) {
    const ConvolutionShape shape = ShapeOf(problem, batch);
    const int threads = omp_get_max_threads();
    scratch_bytes_ = (weight_elements_ +
                      std::max(algorithm.scratch_elements(shape, threads),
                               problem.data_gradient
                                   ? algorithm.scratch_elements(DataGradientShape(shape), threads)
                                   : 0)) *
                     static_cast<std::int64_t>(sizeof(float));
  }

  std::int64_t scratch_bytes() const override { return scratch_bytes_; }

  absl::Status Forward(std::int64_t count, const ConvolutionOperand& operand, const float* weight,
                       const float* bias, float* scratch, float* y) override {
    Convolve(count, operand, weight, bias, kNoFloor, scratch, y);
    return absl::OkStatus();
  }

  absl::Status FoldedForward(std::int64_t count, const float* x, const float* weight,
                             const float* bias, float* scratch, float* y) override {
    Convolve(count, {x}, weight, bias, problem_.folded_relu ? 0.0F : kNoFloor, scratch, y);
    return absl::OkStatus();
  }

  absl::Status DataGradient(std::int64_t count, const float* dy, const float* weight,
                            float* scratch, float* dx) override {
    const ConvolutionShape shape = ShapeOf(problem_, count);
    algorithm_.transform_weight(shape, weight, /*turned=*/true, scratch);
    algorithm_.convolve(DataGradientShape(shape), {dy}, scratch, /*bias=*/nullptr, kNoFloor,
                        scratch + weight_elements_, dx);
    return absl::OkStatus();
  }

  absl::Status WeightGradient(std::int64_t count, const ConvolutionOperand& operand,
                              const float* dy, float* scratch, float* dweight,
                              float* dbias) override {
    algorithm_.weight_gradient(ShapeOf(problem_, count), operand, dy, scratch,
                               scratch + weight_elements_, dweight);
    if (!problem_.bias) return absl::OkStatus();
    std::fill_n(dbias, problem_.y.channels, 0.0F);
    SumRows(dy, count * problem_.y.plane(), problem_.y.channels, dbias);
    return absl::OkStatus();
  }

 private:
  static constexpr float kNoFloor = -std::numeric_limits<float>::infinity();

  void Convolve(std::int64_t count, const ConvolutionOperand& operand, const float* weight,
                const float* bias, float floor, float* scratch, float* y) const {
    const ConvolutionShape shape = ShapeOf(problem_, count);
    algorithm_.transform_weight(shape, weight, /*turned=*/false, scratch);
    algorithm_.convolve(shape, operand, scratch, bias, floor, scratch + weight_elements_, y);
  }

  const Avx512Convolution& algorithm_;
  const ConvolutionProblem problem_;
  const std::int64_t weight_elements_;  // and where the algorithm's scratch begins
  std::int64_t scratch_bytes_ = 0;
};

}  // namespace

bool HaveAvx512() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::avx512_core:
    case dnnl::cpu_isa::avx512_core_vnni:
    case dnnl::cpu_isa::avx512_core_bf16:
    case dnnl::cpu_isa::avx512_core_amx:
      return true;
    default:
      return false;
  }
}

const Avx512Convolution* WinogradConvolution() {
  return HaveAvx512() ? &kWinogradFunctions : nullptr;
}

const Avx512Convolution* PointwiseConvolution() {
  return HaveAvx512() ? &kPointwiseFunctions : nullptr;
}

ConvolutionShape DataGradientShape(const ConvolutionShape& forward) {
  return {.kernel = forward.kernel,
          .count = forward.count,
          .channels = forward.filters,
          .filters = forward.channels,
          .height = forward.out_height,
          .width = forward.out_width,
          .out_height = forward.height,
          .out_width = forward.width,
          .pad_top = forward.kernel - 1 - forward.pad_top,
          .pad_left = forward.kernel - 1 - forward.pad_left};
}

bool WinogradFits(const ConvolutionProblem& problem) {
  const std::int64_t kernel = problem.weight[2];
  return HasShape(problem) && (kernel == 3 || kernel == 5) && WinogradConvolution() != nullptr;
}

std::unique_ptr<ConvolutionMethod> MakeWinogradConvolution(const ConvolutionProblem& problem,
                                                           std::int64_t batch) {
  return std::make_unique<Avx512Method>(*WinogradConvolution(), problem, batch);
}

bool PointwiseFits(const ConvolutionProblem& problem) {
  return HasShape(problem) && problem.weight[2] == 1 && PointwiseConvolution() != nullptr;
}

std::unique_ptr<ConvolutionMethod> MakePointwiseConvolution(const ConvolutionProblem& problem,
                                                            std::int64_t batch) {
  return std::make_unique<Avx512Method>(*PointwiseConvolution(), problem, batch);
}

}  // namespace graft::engine::cpu
