#include "common/engine/cpu/tune.h"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <dnnl.hpp>
#include <functional>
#include <limits>
#include <memory>
#include <numeric>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/engine/cpu/arena.h"
#include "common/engine/cpu/convolution_method.h"
#include "common/engine/cpu/parallel.h"

namespace graft::engine::cpu {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kBatch = 32;

// A convolution of a kind as kernel_table.h says that it is measured; widths are those of a group.
ConvolutionProblem ProblemOf(ConvolutionKind kind, std::int64_t channels, std::int64_t filters) {
  const std::int64_t groups = kind == ConvolutionKind::kGrouped ? 4 : 1;
  const std::int64_t side = kind == ConvolutionKind::kGrouped ? 8 : 16;
  const std::int64_t taps = kind == ConvolutionKind::kPointwise ? 1
                            : kind == ConvolutionKind::kTiled5  ? 5
                                                                : 3;
  const std::int64_t stride = kind == ConvolutionKind::kOther ? 2 : 1;
  const std::int64_t padding = taps / 2;
  return {.x = {.channels = groups * channels, .height = side, .width = side},
          .y = {.channels = groups * filters, .height = side / stride, .width = side / stride},
          .weight = {groups * filters, channels, taps, taps},
          .groups = groups,
          .strides = {stride, stride},
          .padding_before = {padding, padding},
          .padding_after = {padding, padding},
          .data_gradient = true,
          .weight_gradient = true};
}

// One convolution with its operands, by each method.
class Bench {
 public:
  Bench(const ConvolutionProblem& problem, std::span<const Method> methods)
      : x_(Filled(kBatch * problem.x.elements())),
        y_(Filled(kBatch * problem.y.elements())),
        weight_(Filled(Product(problem.weight))),
        gradient_(Filled(std::max(kBatch * problem.x.elements(), Product(problem.weight)))) {
    std::int64_t scratch_bytes = 0;
    for (const Method method : methods) {
      rivals_.push_back({method, MakeConvolutionMethod(method, problem, kBatch)});
      scratch_bytes = std::max(scratch_bytes, rivals_.back().implementation->scratch_bytes());
    }
    scratch_ = AlignedBuffer(scratch_bytes);
  }

  // The method whose shortest time is the shortest; the earlier one of equals.
  absl::StatusOr<Method> Fastest(ConvolutionPass pass, int rounds) {
    for (Rival& rival : rivals_) rival.seconds = std::numeric_limits<double>::infinity();
    for (int round = 0; round <= rounds; ++round) {
      for (Rival& rival : rivals_) {
        ASSIGN_OR_RETURN(const double seconds, Time(*rival.implementation, pass));
        if (round > 0) rival.seconds = std::min(rival.seconds, seconds);  // the first warms up
      }
    }
    return std::ranges::min_element(rivals_, {}, &Rival::seconds)->method;
  }

 private:
  struct Rival {
    Method method;
    std::unique_ptr<ConvolutionMethod> implementation;
    double seconds = 0;  // the shortest
  };

  static std::int64_t Product(const std::vector<std::int64_t>& dims) {
    return std::accumulate(dims.begin(), dims.end(), std::int64_t{1}, std::multiplies<>());
  }

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
        return method.Forward(kBatch, {x_.floats()}, weight_.floats(), nullptr, scratch_.floats(),
                              y_.floats());
      case ConvolutionPass::kDataGradient:
        return method.DataGradient(kBatch, y_.floats(), weight_.floats(), scratch_.floats(),
                                   gradient_.floats());
      case ConvolutionPass::kWeightGradient:
        return method.WeightGradient(kBatch, {x_.floats()}, y_.floats(), scratch_.floats(),
                                     gradient_.floats(), nullptr);
    }
    return absl::InternalError("no such pass");
  }

  const AlignedBuffer x_, y_, weight_, gradient_;
  AlignedBuffer scratch_;
  std::vector<Rival> rivals_;
};

// The methods of a contest that this processor has.
std::vector<Method> MethodsHere(const Contest& contest) {
  std::vector<Method> methods;
  const ConvolutionProblem narrowest = ProblemOf(contest.kind, 1, 1);
  for (const Method method : contest.methods) {
    if (MethodFits(method, narrowest)) methods.push_back(method);
  }
  return methods;
}

absl::Status MeasureContest(std::size_t contest, int rounds,
                            const std::function<void(double)>& on_progress, KernelTable& table) {
  constexpr std::size_t kCount = KernelTable::kWidths.size();
  const std::vector<Method> methods = MethodsHere(Contests()[contest]);
  if (methods.size() == 1) {
    on_progress(1);
    return absl::OkStatus();
  }
  for (std::size_t c = 0; c < kCount; ++c) {
    for (std::size_t f = 0; f < kCount; ++f) {
      Bench bench(
          ProblemOf(Contests()[contest].kind, KernelTable::kWidths[c], KernelTable::kWidths[f]),
          methods);
      for (const ConvolutionPass pass : kConvolutionPasses) {
        ASSIGN_OR_RETURN(const Method fastest, bench.Fastest(pass, rounds));
        table.Set(contest, pass, c, f, fastest);
      }
    }
    on_progress(static_cast<double>(c + 1) / kCount);
  }
  return absl::OkStatus();
}

absl::StatusOr<KernelTable> Measure(int rounds, const std::function<void(double)>& on_progress) {
  const auto count = static_cast<double>(Contests().size());
  KernelTable table;
  for (std::size_t contest = 0; contest < Contests().size(); ++contest) {
    const auto on_part = [&](double part) {
      if (on_progress) on_progress((static_cast<double>(contest) + part) / count);
    };
    RETURN_IF_ERROR(MeasureContest(contest, rounds, on_part, table));
  }
  return table;
}

}  // namespace

absl::StatusOr<KernelTable> TuneKernels(const TuneOptions& options,
                                        const std::function<void(double)>& on_progress) {
  RETURN_IF_ERROR(CheckThreads(options.threads));
  if (!WinogradFits(ProblemOf(ConvolutionKind::kTiled3, 1, 1))) {
    return absl::FailedPreconditionError(
        "there is nothing to tune: without AVX-512 all convolutions are direct");
  }
  const int before = omp_get_max_threads();
  omp_set_num_threads(options.threads);
  absl::StatusOr<KernelTable> table;
  try {
    table = Measure(options.rounds, on_progress);
  } catch (const dnnl::error& error) {
    table = absl::InternalError(absl::StrCat("oneDNN cannot be measured: ", error.what()));
  }
  omp_set_num_threads(before);
  return table;
}

}  // namespace graft::engine::cpu
