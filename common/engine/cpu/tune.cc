#include "common/engine/cpu/tune.h"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <dnnl.hpp>
#include <limits>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/engine/cpu/arena.h"
#include "common/engine/cpu/convolution_method.h"

namespace graft::engine::cpu {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kBatch = 32;
constexpr std::int64_t kSide = 16;
constexpr int kRounds = 7;

ConvolutionProblem ProblemOf(std::int64_t channels, std::int64_t filters) {
  return {.x = {.channels = channels, .height = kSide, .width = kSide},
          .y = {.channels = filters, .height = kSide, .width = kSide},
          .weight = {filters, channels, 3, 3},
          .strides = {1, 1},
          .padding_before = {1, 1},
          .padding_after = {1, 1},
          .data_gradient = true,
          .weight_gradient = true};
}

// One convolution with its operands.
class Bench {
 public:
  explicit Bench(const ConvolutionProblem& problem)
      : direct_(MakeDirectConvolution(problem, kBatch)),
        winograd_(MakeWinogradConvolution(problem, kBatch)),
        x_(Filled(kBatch * problem.x.elements())),
        y_(Filled(kBatch * problem.y.elements())),
        weight_(Filled(problem.x.channels * problem.y.channels * 9)),
        gradient_(Filled(
            std::max(kBatch * problem.x.elements(), problem.x.channels * problem.y.channels * 9))),
        scratch_(std::max(direct_->scratch_bytes(), winograd_->scratch_bytes())) {}

  // Whether Winograd's shortest time is below the direct method's.
  absl::StatusOr<bool> WinogradWins(ConvolutionPass pass) {
    double direct = std::numeric_limits<double>::infinity();
    double winograd = direct;
    for (int round = 0; round < kRounds; ++round) {
      ASSIGN_OR_RETURN(const double direct_seconds, Time(*direct_, pass));
      ASSIGN_OR_RETURN(const double winograd_seconds, Time(*winograd_, pass));
      if (round == 0) continue;  // warms up
      direct = std::min(direct, direct_seconds);
      winograd = std::min(winograd, winograd_seconds);
    }
    return winograd < direct;
  }

 private:
  static AlignedBuffer Filled(std::int64_t elements) {
    AlignedBuffer buffer(elements * static_cast<std::int64_t>(sizeof(float)));
    for (std::int64_t i = 0; i < elements; ++i) {
      buffer.floats()[i] = static_cast<float>(i % 17) / 17.0F - 0.5F;
    }
    return buffer;
  }

  absl::StatusOr<double> Time(ConvolutionMethod& method, ConvolutionPass pass) {
    const Clock::time_point start = Clock::now();
    RETURN_IF_ERROR(Run(method, pass));
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

  absl::Status Run(ConvolutionMethod& method, ConvolutionPass pass) {
    switch (pass) {
      case ConvolutionPass::kForward:
        return method.Forward(kBatch, x_.floats(), weight_.floats(), nullptr, scratch_.floats(),
                              y_.floats());
      case ConvolutionPass::kDataGradient:
        return method.DataGradient(kBatch, y_.floats(), weight_.floats(), scratch_.floats(),
                                   gradient_.floats());
      case ConvolutionPass::kWeightGradient:
        return method.WeightGradient(kBatch, x_.floats(), y_.floats(), scratch_.floats(),
                                     gradient_.floats(), nullptr);
    }
    return absl::InternalError("no such pass");
  }

  const std::unique_ptr<ConvolutionMethod> direct_;
  const std::unique_ptr<ConvolutionMethod> winograd_;
  const AlignedBuffer x_, y_, weight_, gradient_, scratch_;
};

absl::StatusOr<KernelTable> Measure(const std::function<void(double)>& on_progress) {
  constexpr int kCount = static_cast<int>(KernelTable::kWidths.size());
  KernelTable table;
  for (int c = 0; c < kCount; ++c) {
    for (int f = 0; f < kCount; ++f) {
      Bench bench(ProblemOf(KernelTable::kWidths[c], KernelTable::kWidths[f]));
      for (const ConvolutionPass pass : kConvolutionPasses) {
        ASSIGN_OR_RETURN(const bool wins, bench.WinogradWins(pass));
        table.SetWinograd(pass, c, f, wins);
      }
    }
    if (on_progress) on_progress(static_cast<double>(c + 1) / kCount);
  }
  return table;
}

}  // namespace

absl::StatusOr<KernelTable> TuneKernels(int threads,
                                        const std::function<void(double)>& on_progress) {
  if (!WinogradFits(ProblemOf(1, 1))) {
    return absl::FailedPreconditionError(
        "there is nothing to tune: without AVX-512 all convolutions are direct");
  }
  const int before = omp_get_max_threads();
  omp_set_num_threads(threads);
  absl::StatusOr<KernelTable> table;
  try {
    table = Measure(on_progress);
  } catch (const dnnl::error& error) {
    table = absl::InternalError(absl::StrCat("oneDNN cannot be measured: ", error.what()));
  }
  omp_set_num_threads(before);
  return table;
}

}  // namespace graft::engine::cpu
