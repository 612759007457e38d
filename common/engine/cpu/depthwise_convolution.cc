// Depthwise convolution: oneDNN's, but for the gradient of large kernels' weights, where it falls
// back to slow code (5x5 over 48 channels of 16x16: 5 ms for 64 pictures; this: 1.5).
#include <algorithm>

#include "common/engine/cpu/convolution_method.h"
#include "common/engine/cpu/loops.h"
#include "common/engine/cpu/simd.h"

namespace graft::engine::cpu {
namespace {

// oneDNN's own code for weight gradients knows 3x3.
constexpr std::int64_t kLargestKernelOfOneDnn = 3;

// Channels that are summed in registers.
constexpr std::int64_t kLanes = 16;

// sum[c] += sum over the columns j of dy[j, c] x[stride j, c]
GRAFT_SIMD void AddProducts(const float* __restrict dy, const float* __restrict x,
                            std::int64_t columns, std::int64_t stride, std::int64_t channels,
                            float* __restrict sum) {
  std::int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) {
    float lanes[kLanes] = {};
    for (std::int64_t j = 0; j < columns; ++j) {
      for (std::int64_t lane = 0; lane < kLanes; ++lane) {
        lanes[lane] += dy[j * channels + c + lane] * x[j * stride * channels + c + lane];
      }
    }
    for (std::int64_t lane = 0; lane < kLanes; ++lane) sum[c + lane] += lanes[lane];
  }
  for (; c < channels; ++c) {
    float total = 0;
    for (std::int64_t j = 0; j < columns; ++j) {
      total += dy[j * channels + c] * x[j * stride * channels + c];
    }
    sum[c] += total;
  }
}

// Positions along one axis whose tap lies on the operand: from the `first` on, `count` of them.
struct Range {
  std::int64_t first = 0;
  std::int64_t count = 0;
};

class DepthwiseConvolution final : public ConvolutionMethod {
 public:
  DepthwiseConvolution(const ConvolutionProblem& problem, std::int64_t batch)
      : problem_(problem),
        taps_(problem.weight[2] * problem.weight[3]),
        direct_(MakeDirectConvolution(WithoutWeightGradient(problem), batch)) {}

  std::int64_t scratch_bytes() const override {
    return std::max(direct_->scratch_bytes(),
                    2 * taps_ * problem_.x.channels * static_cast<std::int64_t>(sizeof(float)));
  }

  absl::Status Forward(std::int64_t count, const ConvolutionOperand& operand, const float* weight,
                       const float* bias, float* scratch, float* y) override {
    return direct_->Forward(count, operand, weight, bias, scratch, y);
  }

  absl::Status FoldedForward(std::int64_t count, const float* x, const float* weight,
                             const float* bias, float* scratch, float* y) override {
    return direct_->FoldedForward(count, x, weight, bias, scratch, y);
  }

  absl::Status DataGradient(std::int64_t count, const float* dy, const float* weight,
                            float* scratch, float* dx) override {
    return direct_->DataGradient(count, dy, weight, scratch, dx);
  }

  // Sums of one example, [taps, channels], go into those of all.
  absl::Status WeightGradient(std::int64_t count, const ConvolutionOperand& operand,
                              const float* dy, float* scratch, float* dweight,
                              float* dbias) override {
    const std::int64_t elements = taps_ * problem_.x.channels;
    float* const total = scratch;
    float* const example = scratch + elements;
    std::fill_n(total, elements, 0.0F);
    for (std::int64_t n = 0; n < count; ++n) {
      std::fill_n(example, elements, 0.0F);
      AddExample(operand.x + n * problem_.x.elements(), dy + n * problem_.y.elements(), example);
      Accumulate(example, elements, total);
    }
    Transpose(total, 1, taps_, problem_.x.channels, dweight);
    if (!problem_.bias) return absl::OkStatus();
    std::fill_n(dbias, problem_.y.channels, 0.0F);
    SumRows(dy, count * problem_.y.plane(), problem_.y.channels, dbias);
    return absl::OkStatus();
  }

 private:
  static ConvolutionProblem WithoutWeightGradient(ConvolutionProblem problem) {
    problem.weight_gradient = false;
    return problem;
  }

  // Where tap k lies in the operand relative to the start of its window's stride.
  std::int64_t Offset(int axis, std::int64_t k) const {
    return k * (problem_.dilates[axis] + 1) - problem_.padding_before[axis];
  }

  Range OnOperand(int axis, std::int64_t k) const {
    const std::int64_t extent = axis == 0 ? problem_.x.height : problem_.x.width;
    const std::int64_t results = axis == 0 ? problem_.y.height : problem_.y.width;
    const std::int64_t stride = problem_.strides[axis];
    const std::int64_t offset = Offset(axis, k);
    const std::int64_t first = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
    const std::int64_t end = offset >= extent ? 0 : (extent - offset + stride - 1) / stride;
    return {first, std::max<std::int64_t>(0, std::min(end, results) - first)};
  }

  void AddExample(const float* x, const float* dy, float* sums) const {
    const std::int64_t channels = problem_.x.channels;
    for (std::int64_t kh = 0; kh < problem_.weight[2]; ++kh) {
      const Range rows = OnOperand(0, kh);
      for (std::int64_t kw = 0; kw < problem_.weight[3]; ++kw, sums += channels) {
        const Range columns = OnOperand(1, kw);
        if (columns.count == 0) continue;
        const std::int64_t column = columns.first * problem_.strides[1] + Offset(1, kw);
        for (std::int64_t i = rows.first; i < rows.first + rows.count; ++i) {
          const std::int64_t row = i * problem_.strides[0] + Offset(0, kh);
          AddProducts(dy + (i * problem_.y.width + columns.first) * channels,
                      x + (row * problem_.x.width + column) * channels, columns.count,
                      problem_.strides[1], channels, sums);
        }
      }
    }
  }

  const ConvolutionProblem problem_;
  const std::int64_t taps_;
  const std::unique_ptr<ConvolutionMethod> direct_;
};

}  // namespace

bool DepthwiseFits(const ConvolutionProblem& problem) {
  const std::int64_t largest = std::max(problem.weight[2], problem.weight[3]);
  return problem.groups > 1 && problem.groups == problem.x.channels &&
         problem.groups == problem.y.channels && problem.weight_gradient &&
         largest > kLargestKernelOfOneDnn;
}

std::unique_ptr<ConvolutionMethod> MakeDepthwiseConvolution(const ConvolutionProblem& problem,
                                                            std::int64_t batch) {
  return std::make_unique<DepthwiseConvolution>(problem, batch);
}

}  // namespace graft::engine::cpu
