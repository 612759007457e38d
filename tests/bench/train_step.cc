// Images a second of training steps on the CPU backend, for the networks of the demo space.
//
//   train_step [batch] [seconds per measurement]
//
// Prints, for each network, the median over the steps of one plan alone and of two plans at once in
// two threads (each plan's rate, and their sum).
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "common/arch/expand.h"
#include "common/engine/cpu/cpu_backend.h"
#include "common/engine/optimizer.h"
#include "tests/unit/engine/testing.h"

namespace graft::engine {
namespace {

using testing::Layer;
using Clock = std::chrono::steady_clock;

struct Demo {
  const char* name;
  tensor::Shape input;
  std::vector<std::int64_t> filters;  // one block each, pooling between
  int layers_per_block;
  std::int64_t kernel;
};

arch::Architecture Build(const Demo& demo) {
  std::vector<arch::LayerDef> layers;
  for (std::size_t block = 0; block < demo.filters.size(); ++block) {
    for (int i = 0; i < demo.layers_per_block; ++i) {
      layers.push_back(
          Layer("convolution",
                {{"filters", demo.filters[block]}, {"kernel", demo.kernel}, {"bias", false}}));
      layers.push_back(Layer("batch_norm"));
      layers.push_back(Layer("relu"));
    }
    if (block + 1 < demo.filters.size()) {
      layers.push_back(Layer("max_pool", {{"kernel", std::int64_t{2}}}));
    }
  }
  layers.push_back(Layer("global_average_pool"));
  return testing::WithLoss(testing::Classifier(demo.input, layers, 10));
}

// Median images a second of steps during `seconds`.
double Measure(const arch::Architecture& architecture, std::int64_t batch, double seconds) {
  const auto plan = cpu::CpuBackend().Compile(architecture, {.batch = batch});
  const testing::Examples examples(architecture, batch, 1);
  const Feed feed = examples.feed();
  ParameterVector parameters = InitializeParameters(architecture, (*plan)->layout(), 1);
  ParameterVector gradients((*plan)->layout().size());
  const auto sgd = MakeOptimizer(
      recipe::SgdOptions{},
      TrainableSegments(architecture, (*plan)->layout(), recipe::WeightDecayMask::kAll),
      (*plan)->layout().trainable_size());
  std::vector<double> times;
  const Clock::time_point end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                                   std::chrono::duration<double>(seconds));
  while (Clock::now() < end || times.size() < 5) {
    const Clock::time_point start = Clock::now();
    if (!(*plan)->Forward(Mode::kTraining, feed, parameters).ok()) std::abort();
    if (!(*plan)->Backward(feed, parameters, gradients).ok()) std::abort();
    sgd->Step(1e-3F, gradients.values(), parameters.values(), /*gradient_scale=*/1);
    times.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
  std::ranges::nth_element(times, times.begin() + times.size() / 2);
  return static_cast<double>(batch) / times[times.size() / 2];
}

void Report(const Demo& demo, std::int64_t batch, double seconds) {
  const arch::Architecture architecture = Build(demo);
  const double alone = Measure(architecture, batch, seconds);
  double first = 0;
  double second = 0;
  std::thread other([&] { second = Measure(architecture, batch, seconds); });
  first = Measure(architecture, batch, seconds);
  other.join();
  std::printf("%-22s %7.2f MMAC  alone %7.0f  two plans %7.0f + %7.0f = %7.0f images/s\n",
              demo.name, static_cast<double>(architecture.cost().macs) / 1e6, alone, first, second,
              first + second);
}

}  // namespace
}  // namespace graft::engine

int main(int argc, char** argv) {
  const std::int64_t batch = argc > 1 ? std::atoll(argv[1]) : 64;
  const double seconds = argc > 2 ? std::atof(argv[2]) : 3;
  const graft::engine::Demo demos[] = {
      {"C4-C4-C4-C4", {1, 28, 28}, {4, 4, 4, 4}, 1, 3},
      {"C8-C12-C16-C20", {1, 28, 28}, {8, 12, 16, 20}, 1, 3},
      {"2x(C8-C16-C24-C32)", {1, 28, 28}, {8, 16, 24, 32}, 2, 3},
      {"2x(C12-C20-C28-C40)", {1, 28, 28}, {12, 20, 28, 40}, 2, 3},
      {"C16-C32-C64 CIFAR", {3, 32, 32}, {16, 32, 64}, 1, 3},
  };
  for (const graft::engine::Demo& demo : demos) graft::engine::Report(demo, batch, seconds);
  return 0;
}
