// Milliseconds of single operators on the CPU backend, one thread.
//
//   operators [batch]
//
// Prints, for each layer over a picture or tokens and for some chains, the best time of a forward
// and a backward in training, and the values that it reads and writes in a second. A layer's time
// is that of a network with it less that of the network without it.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "common/engine/cpu/cpu_backend.h"
#include "tests/unit/engine/testing.h"

namespace graft::engine {
namespace {

using testing::Layer;
using Clock = std::chrono::steady_clock;
using Ints = std::vector<std::int64_t>;

constexpr int kRepeats = 30;

struct Times {
  double forward_ms = 1e9;
  double backward_ms = 1e9;
};

Times Measure(const arch::Architecture& architecture, std::int64_t batch) {
  const auto plan = cpu::CpuBackend().Compile(architecture, {.batch = batch});
  if (!plan.ok()) std::abort();
  const testing::Examples examples(architecture, batch, 1);
  const Feed feed = examples.feed();
  ParameterVector parameters = InitializeParameters(architecture, (*plan)->layout(), 1);
  ParameterVector gradients((*plan)->layout().size());
  Times best;
  for (int i = 0; i < kRepeats; ++i) {
    const Clock::time_point start = Clock::now();
    if (!(*plan)->Forward(Mode::kTraining, feed, parameters).ok()) std::abort();
    const Clock::time_point middle = Clock::now();
    if (!(*plan)->Backward(feed, parameters, gradients).ok()) std::abort();
    const Clock::time_point end = Clock::now();
    best.forward_ms = std::min(best.forward_ms,
                               std::chrono::duration<double, std::milli>(middle - start).count());
    best.backward_ms =
        std::min(best.backward_ms, std::chrono::duration<double, std::milli>(end - middle).count());
  }
  return best;
}

void Report(const std::string& name, const tensor::Shape& input, const arch::LayerDef& stem,
            const std::vector<arch::LayerDef>& layers, std::int64_t batch) {
  std::vector<arch::LayerDef> all = {stem};
  const auto measure = [&] {
    return Measure(testing::WithLoss(testing::Classifier(input, all)), batch);
  };
  const Times without = measure();
  all.insert(all.end(), layers.begin(), layers.end());
  const Times with = measure();
  std::printf("%-28s forward %7.3f ms, backward %7.3f ms\n", name.c_str(),
              with.forward_ms - without.forward_ms, with.backward_ms - without.backward_ms);
}

arch::LayerDef Convolution(std::int64_t filters, std::int64_t kernel, std::int64_t groups,
                           std::int64_t dilation = 1) {
  return Layer("convolution", {{"filters", filters},
                               {"kernel", kernel},
                               {"groups", groups},
                               {"dilation", dilation},
                               {"bias", false}});
}

void ReportPictures(std::int64_t batch) {
  for (const std::int64_t channels : {16, 48, 96}) {
    const tensor::Shape input = {3, 16, 16};
    const arch::LayerDef stem = Convolution(channels, 1, 1);
    const auto report = [&](const std::string& name, const arch::LayerDef& layer) {
      Report(name + " C" + std::to_string(channels) + " 16x16", input, stem, {layer}, batch);
    };
    report("convolution 3x3", Convolution(channels, 3, 1));
    report("convolution 3x3 dilated", Convolution(channels, 3, 1, 2));
    report("convolution 1x1", Convolution(channels, 1, 1));
    report("grouped 3x3 (8)", Convolution(channels, 3, 8));
    report("grouped 3x3 (2)", Convolution(channels, 3, 2));
    report("depthwise 3x3", Convolution(channels, 3, channels));
    report("depthwise 5x5", Convolution(channels, 5, channels));
    report("depthwise 7x7", Convolution(channels, 7, channels));
    for (const char* op : {"batch_norm", "layer_norm", "rms_norm", "relu", "hard_swish", "silu",
                           "gelu", "sigmoid", "tanh", "softmax", "tokens"}) {
      report(op, Layer(op));
    }
    report("group_norm (8)", Layer("group_norm", {{"groups", std::int64_t{8}}}));
    report("slice", Layer("slice", {{"start", std::int64_t{1}}, {"length", channels / 2}}));
    report("transpose", Layer("transpose", {{"permutation", Ints{0, 2, 1}}}));
    report("upsample nearest", Layer("upsample", {{"factors", std::int64_t{2}}}));
    report("upsample bilinear",
           Layer("upsample", {{"factors", std::int64_t{2}}, {"mode", std::string("bilinear")}}));
  }
}

// Of one chain: an addition with the picture itself, and what is behind it.
void ReportChains(std::int64_t batch) {
  const tensor::Shape input = {3, 32, 32};
  const arch::LayerDef stem = Convolution(48, 1, 1);
  const auto report = [&](const std::string& name, std::vector<arch::LayerDef> more) {
    more.insert(more.begin(), Layer("add", {}, {"convolution_1", "convolution_1"}));
    Report(name + " C48 32x32", input, stem, more, batch);
  };
  report("add", {});
  report("add, relu", {Layer("relu")});
  report("add, silu, tanh", {Layer("silu"), Layer("tanh")});
}

void ReportTokens(std::int64_t batch) {
  for (const std::int64_t width : {64, 192}) {
    const tensor::Shape input = {64, width};
    const arch::LayerDef stem = Layer("linear", {{"units", width}});
    const auto report = [&](const std::string& name, const arch::LayerDef& layer) {
      Report(name + " 64x" + std::to_string(width), input, stem, {layer}, batch);
    };
    report("linear", Layer("linear", {{"units", width}}));
    report("attention (4 heads)",
           Layer("attention", {{"heads", std::int64_t{4}}}, {"linear_1", "linear_1", "linear_1"}));
    report("layer_norm", Layer("layer_norm"));
    report("gelu", Layer("gelu"));
  }
}

}  // namespace
}  // namespace graft::engine

int main(int argc, char** argv) {
  const std::int64_t batch = argc > 1 ? std::atoll(argv[1]) : 64;
  graft::engine::ReportPictures(batch);
  graft::engine::ReportChains(batch);
  graft::engine::ReportTokens(batch);
  return 0;
}
