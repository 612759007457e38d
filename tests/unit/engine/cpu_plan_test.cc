// What the CPU backend's plan promises beyond its values: memory, repeatability, allocation.
#include <dlfcn.h>
#include <dnnl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <omp.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/engine/cpu/arena.h"
#include "common/engine/cpu/cpu_backend.h"
#include "common/engine/cpu/plan.h"
#include "common/engine/cpu/primitive_counts.h"
#include "common/engine/optimizer.h"
#include "tests/unit/engine/allocation_count.h"
#include "tests/unit/engine/operator_cases.h"
#include "tests/unit/engine/testing.h"

using graft::engine::testing::UncountedScope;

// Elements of each value that the library has reordered in this thread.
static thread_local std::vector<std::int64_t> reordered;

static void NoteReorder(const_dnnl_primitive_t primitive, const dnnl_exec_arg_t* arguments) {
  const_dnnl_primitive_desc_t description = nullptr;
  dnnl_primitive_kind_t kind = dnnl_undefined_primitive;
  dnnl_primitive_get_primitive_desc(primitive, &description);
  dnnl_primitive_desc_query(description, dnnl_query_primitive_kind, 0, &kind);
  if (kind != dnnl_reorder) return;
  const dnnl_memory_desc_t* from = nullptr;
  dnnl_memory_get_memory_desc(arguments[0].memory, &from);
  std::int64_t elements = 1;
  for (int i = 0; i < from->ndims; ++i) elements *= from->dims[i];
  reordered.push_back(elements);
}

// Stand between the backend and the library, which allocates in its executor.
extern "C" dnnl_status_t dnnl_primitive_execute(const_dnnl_primitive_t primitive,
                                                dnnl_stream_t stream, int nargs,
                                                const dnnl_exec_arg_t* args) {
  static const auto next = reinterpret_cast<decltype(&dnnl_primitive_execute)>(
      dlsym(RTLD_NEXT, "dnnl_primitive_execute"));
  const UncountedScope scope;
  NoteReorder(primitive, args);
  return next(primitive, stream, nargs, args);
}

extern "C" dnnl_status_t dnnl_sgemm(char transa, char transb, dnnl_dim_t M, dnnl_dim_t N,
                                    dnnl_dim_t K, float alpha, const float* A, dnnl_dim_t lda,
                                    const float* B, dnnl_dim_t ldb, float beta, float* C,
                                    dnnl_dim_t ldc) {
  static const auto next = reinterpret_cast<decltype(&dnnl_sgemm)>(dlsym(RTLD_NEXT, "dnnl_sgemm"));
  const UncountedScope scope;
  return next(transa, transb, M, N, K, alpha, A, lda, B, ldb, beta, C, ldc);
}

namespace graft::engine {
namespace {

using testing::Examples;
using testing::Layer;

using Layers = std::vector<arch::LayerDef>;

arch::LayerDef Conv(std::int64_t filters, const std::string& operand = "", std::string id = "") {
  std::vector<std::string> operands;
  if (!operand.empty()) operands.push_back(operand);
  return Layer("convolution", {{"filters", filters}, {"kernel", std::int64_t{3}}, {"bias", false}},
               operands, std::move(id));
}

arch::Architecture Branched() {
  return testing::WithLoss(testing::Classifier(
      {3, 16, 16},
      {Conv(8), Layer("batch_norm"), Layer("relu", {}, {}, "r"), Conv(8, "r", "a"),
       Conv(8, "r", "b"), Layer("add", {}, {"a", "b"}, "s"), Layer("concat", {}, {"s", "r"}),
       Layer("dropout", {{"rate", 0.2}}), Layer("max_pool", {{"kernel", std::int64_t{2}}}),
       Layer("average_pool", {{"kernel", std::int64_t{2}}}), Layer("flatten"),
       Layer("linear", {{"units", std::int64_t{10}}}), Layer("batch_norm"), Layer("relu")}));
}

// Convolutions by each method (3x3, 1x1 with so many filters, depthwise 5x5), and a block of a
// transformer.
arch::Architecture Mixed(std::int64_t filters = 8) {
  const auto linear = [](std::string operand, std::string id) {
    return Layer("linear", {{"units", std::int64_t{8}}}, {std::move(operand)}, std::move(id));
  };
  return testing::WithLoss(testing::Classifier(
      {3, 16, 16},
      {Conv(8), Layer("group_norm", {{"groups", std::int64_t{2}}}), Layer("silu"),
       Layer("convolution", {{"filters", filters}, {"kernel", std::int64_t{1}}}),
       Layer("convolution", {{"filters", std::int64_t{8}}, {"kernel", std::int64_t{1}}}),
       Layer("convolution", {{"filters", std::int64_t{8}},
                             {"kernel", std::int64_t{5}},
                             {"groups", std::int64_t{8}},
                             {"strides", std::int64_t{2}}}),
       Layer("tokens"), Layer("layer_norm", {}, {}, "t"), linear("t", "q"), linear("t", "k"),
       linear("t", "v"), Layer("attention", {{"heads", std::int64_t{2}}}, {"q", "k", "v"}, "a"),
       Layer("add", {}, {"t", "a"}), Layer("gelu"), Layer("softmax")}));
}

// A plan for batches of 16 that trains.
struct Training {
  explicit Training(const arch::Architecture& architecture, const PlanOptions& options = {},
                    const recipe::OptimizerOptions& how = recipe::SgdOptions{})
      : plan(cpu::CpuBackend().Compile(architecture, WithBatch(options)).value()),
        examples(architecture, kBatch, 3),
        parameters(InitializeParameters(architecture, plan->layout(), 4)),
        gradients(plan->layout().size()),
        segments(TrainableSegments(architecture, plan->layout(), recipe::WeightDecayMask::kAll)),
        optimizer(MakeOptimizer(how, segments, plan->layout().trainable_size())) {}

  void Step(const Feed& feed) {
    EXPECT_TRUE(plan->Forward(Mode::kTraining, feed, parameters).ok());
    EXPECT_TRUE(plan->Backward(feed, parameters, gradients).ok());
    const float scale = ClippingScale(segments, gradients.values(), /*max_norm=*/1);
    optimizer->Step(0.05F, gradients.values(), parameters.values(), scale);
  }

  static constexpr std::int64_t kBatch = 16;
  std::unique_ptr<Plan> plan;
  Examples examples;
  ParameterVector parameters;
  ParameterVector gradients;
  std::vector<ParameterSegment> segments;
  std::unique_ptr<Optimizer> optimizer;

 private:
  static PlanOptions WithBatch(PlanOptions options) {
    options.batch = kBatch;
    return options;
  }
};

// A few steps of training; returns the parameters.
std::vector<float> TrainAlone(const arch::Architecture& architecture, int steps) {
  Training training(architecture);
  for (int step = 0; step < steps; ++step) {
    training.Step(training.examples.feed(Training::kBatch, step));
  }
  const auto values = training.parameters.values();
  return {values.begin(), values.end()};
}

TEST(CpuPlanTest, ConcurrentPlansGiveTheBitsOfOneAlone) {
  const arch::Architecture architecture = Branched();
  const std::vector<float> alone = TrainAlone(architecture, 10);
  std::vector<std::vector<float>> together(3);
  std::vector<std::thread> threads;
  for (std::vector<float>& result : together) {
    threads.emplace_back([&] { result = TrainAlone(architecture, 10); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<float>& result : together) EXPECT_EQ(result, alone);
}

// Every kernel whose loops threads share, with enough elements that they do.
arch::Architecture Wide() {
  const auto linear = [](std::string operand, std::string id) {
    return Layer("linear", {{"units", std::int64_t{32}}}, {std::move(operand)}, std::move(id));
  };
  const Layers pictures = {
      Conv(32),
      Layer("batch_norm"),
      Layer("relu", {}, {}, "r"),
      Conv(16, "r", "a"),
      Layer("concat", {}, {"a", "r", "a"}),
      Layer("dropout", {{"rate", 0.2}}),
      Layer("convolution", {{"filters", std::int64_t{32}}, {"kernel", std::int64_t{1}}}),
      Layer("batch_norm"),
      Layer("max_pool", {{"kernel", std::int64_t{2}}}),
      Layer("transpose", {{"permutation", std::vector<std::int64_t>{0, 2, 1}}}),
      Layer("average_pool", {{"kernel", std::int64_t{3}}, {"strides", std::int64_t{1}}})};
  Layers layers = pictures;
  for (arch::LayerDef& layer :
       Layers{Layer("tokens"), Layer("layer_norm", {}, {}, "n"), linear("n", "q"), linear("n", "k"),
              Layer("attention", {{"heads", std::int64_t{4}}}, {"q", "k", "n"}, "t"),
              Layer("matmul", {{"transpose_b", true}}, {"q", "k"}), Layer("softmax", {}, {}, "p"),
              Layer("matmul", {}, {"p", "t"}, "m"), Layer("add", {}, {"m", "n"}, "s"),
              Layer("multiply", {}, {"s", "t"}), Layer("gelu"), Layer("rms_norm")}) {
    layers.push_back(std::move(layer));
  }
  return testing::WithLoss(testing::Classifier({3, 16, 16}, std::move(layers)));
}

TEST(CpuPlanTest, ThreadsThatShareAStepComputeWhatOneDoes) {
  if (omp_get_thread_limit() < 3) GTEST_SKIP() << "OMP_THREAD_LIMIT is below 3";
  const arch::Architecture network = Wide();
  constexpr std::int64_t kBatch = 20;
  const Examples examples(network, kBatch, 3);
  // By number of threads: logits, parameters with statistics, gradients.
  std::vector<std::array<std::vector<float>, 3>> results;
  for (const int threads : {1, 3}) {
    const auto plan = cpu::CpuBackend({.threads = threads}).Compile(network, {.batch = kBatch});
    ASSERT_TRUE(plan.ok()) << plan.status();
    ParameterVector parameters = testing::RandomParameters(network, (*plan)->layout(), 4);
    ParameterVector gradients((*plan)->layout().size());
    ASSERT_TRUE((*plan)->Forward(Mode::kTraining, examples.feed(), parameters).ok());
    ASSERT_TRUE((*plan)->Backward(examples.feed(), parameters, gradients).ok());
    const auto copy = [](std::span<const float> values) {
      return std::vector<float>(values.begin(), values.end());
    };
    results.push_back(
        {copy((*plan)->Output(1)), copy(parameters.values()), copy(gradients.values())});
  }
  for (std::size_t i = 0; i < results[0].size(); ++i) {
    EXPECT_LE(testing::RelativeDifference(results[1][i], results[0][i]), 1e-5) << i;
  }
}

// What the library allocates while it executes a primitive does not count.
void ExpectThatStepsAllocateNothing(Training& training) {
  const Feed whole = training.examples.feed(16);
  const Feed part = training.examples.feed(7);
  training.Step(whole);
  training.Step(part);  // makes the convolutions for this count
  const std::int64_t allocations = testing::AllocationCount();
  const std::int64_t primitives = cpu::CountedPrimitives().created;
  for (int i = 0; i < 3; ++i) {
    training.Step(whole);
    training.Step(part);
    EXPECT_FALSE(training.plan->Output(1).empty());
  }
  EXPECT_EQ(testing::AllocationCount(), allocations);
  EXPECT_EQ(cpu::CountedPrimitives().created, primitives);
}

TEST(CpuPlanTest, AStepAllocatesNothingAndMakesNoPrimitive) {
  for (const recipe::Precision precision :
       {recipe::Precision::kFloat32, recipe::Precision::kBfloat16}) {
    for (const arch::Architecture& architecture : {Branched(), Mixed()}) {
      Training training(architecture, {.precision = precision});
      ExpectThatStepsAllocateNothing(training);
    }
    for (const testing::OperatorCase& one : testing::AllCases()) {
      SCOPED_TRACE(one.name);
      Training training(one.architecture, {.precision = precision});
      ExpectThatStepsAllocateNothing(training);
    }
  }
}

TEST(CpuPlanTest, AStepAllocatesNothingWhateverTheOptimizer) {
  for (const recipe::OptimizerOptions& optimizer : std::initializer_list<recipe::OptimizerOptions>{
           recipe::SgdOptions{}, recipe::AdamOptions{}, recipe::LambOptions{},
           recipe::AdaDeltaOptions{}, recipe::MuonOptions{}}) {
    SCOPED_TRACE(optimizer.index());
    Training training(Mixed(), {}, optimizer);
    ExpectThatStepsAllocateNothing(training);
  }
}

// Weights alone are brought into other layouts: each for its two passes, and its gradient back.
TEST(CpuPlanTest, AStepReordersOnlyWeightsOfDirectConvolutions) {
  const arch::Architecture architecture = Mixed();
  Training training(architecture, {.exact = true});
  std::vector<std::int64_t> weights;
  for (const arch::Node& node : architecture.nodes()) {
    if (node.op->name != "convolution") continue;
    weights.push_back(architecture.node(node.operands[1]).type.shape.ElementCount());
  }
  reordered.clear();
  const std::int64_t before = cpu::CountedPrimitives().reorders;
  training.Step(training.examples.feed());
  EXPECT_EQ(cpu::CountedPrimitives().reorders - before,
            static_cast<std::int64_t>(reordered.size()));
  for (const std::int64_t elements : reordered) EXPECT_THAT(weights, ::testing::Contains(elements));
  // Images have no gradient, and the depthwise weight's is summed by the backend's own loop.
  EXPECT_LE(reordered.size(), 3 * weights.size() - 2);
}

// The library keeps the code of primitives; plans of one process share it.
TEST(CpuPlanTest, OnlyNewLayersNeedNewCode) {
  // Exported by the library, but in none of its headers.
  const auto get_size = reinterpret_cast<dnnl_status_t (*)(int*)>(
      dlsym(RTLD_DEFAULT, "_ZN4dnnl4impl24get_primitive_cache_sizeEPi"));
  if (get_size == nullptr) GTEST_SKIP() << "this oneDNN does not tell the size of its cache";
  const auto compiled = [&](const arch::Architecture& architecture) {
    EXPECT_TRUE(cpu::CpuBackend().Compile(architecture, {.batch = 16, .exact = true}).ok());
    int size = 0;
    EXPECT_EQ(get_size(&size), dnnl_success);
    return size;
  };
  const int parent = compiled(Mixed());
  EXPECT_EQ(compiled(Mixed()), parent);
  // The 1x1 convolution that is other and the one behind it: three passes and reorders each.
  const int child = compiled(Mixed(/*filters=*/12));
  EXPECT_GE(child, parent + 6);
  EXPECT_LE(child, parent + 12);
}

TEST(CpuPlanTest, WithoutConvolutionsNothingIsReordered) {
  const std::int64_t primitives = cpu::CountedPrimitives().created;
  Training training(testing::WithLoss(testing::Classifier(
      {8}, {Layer("linear", {{"units", std::int64_t{8}}}), Layer("batch_norm"), Layer("relu")})));
  training.Step(training.examples.feed());
  EXPECT_EQ(cpu::CountedPrimitives().created, primitives);
}

TEST(CpuPlanTest, ManyDifferentCountsKeepWorking) {
  const arch::Architecture architecture = Branched();
  const auto plan = cpu::CpuBackend().Compile(architecture, {.batch = 16});
  const Examples examples(architecture, 16, 3);
  ParameterVector parameters = InitializeParameters(architecture, (*plan)->layout(), 4);
  ASSERT_TRUE((*plan)->Forward(Mode::kInference, examples.feed(16), parameters).ok());
  const std::vector<float> all((*plan)->Output(1).begin(), (*plan)->Output(1).end());
  for (std::int64_t count = 16; count >= 1; --count) {
    ASSERT_TRUE((*plan)->Forward(Mode::kInference, examples.feed(count), parameters).ok());
    EXPECT_LE(testing::RelativeDifference((*plan)->Output(1), std::span(all).first(count * 3)),
              1e-5);
  }
}

TEST(CpuPlanTest, InferenceKeepsNoValuesForABackward) {
  const arch::Architecture architecture = testing::WithLoss(
      testing::Classifier({3, 16, 16}, {Conv(8), Conv(8), Conv(8), Conv(8), Conv(8), Conv(8)}));
  const auto arena_bytes = [&](bool gradients) {
    return cpu::CpuPlan::Create(architecture, {.batch = 16, .gradients = gradients}, {})
        .value()
        ->arena_bytes();
  };
  EXPECT_LT(arena_bytes(false), arena_bytes(true) / 2);
}

// Where the last convolution passes its gradient on, the pooling's operand is gone: the operands of
// three convolutions live (that of the first is smaller) and two gradients.
TEST(CpuPlanTest, TrainingKeepsOnlyWhatTheBackwardReads) {
  const arch::Architecture architecture = testing::WithLoss(
      testing::Classifier({3, 16, 16}, {Conv(8), Conv(8), Conv(8), Layer("global_average_pool")}));
  constexpr std::int64_t kValueBytes = std::int64_t{16} * 8 * 16 * 16 * sizeof(float);
  const auto plan = cpu::CpuPlan::Create(architecture, {.batch = 16}, {}).value();
  EXPECT_LT(plan->arena_bytes(), 5 * kValueBytes);
}

TEST(CpuPlanTest, ActivationsAndSumsLieInPlaceOfTheirOperands) {
  const arch::Architecture architecture = testing::WithLoss(testing::Classifier(
      {3, 16, 16}, {Conv(8, "", "a"), Conv(8, "input", "b"), Layer("add", {}, {"a", "b"}),
                    Layer("gelu"), Layer("dropout", {{"rate", 0.2}}), Layer("sigmoid")}));
  constexpr std::int64_t kValueBytes = std::int64_t{16} * 8 * 16 * 16 * sizeof(float);
  const auto plan =
      cpu::CpuPlan::Create(architecture, {.batch = 16, .gradients = false}, {}).value();
  // Two convolutions and what they read, which is smaller; then the sum and the dropout's mask.
  EXPECT_LT(plan->arena_bytes(), 3 * kValueBytes);
}

// The first one's gradients have taken the memory of the values that a second one would need.
TEST(CpuPlanTest, EachBackwardNeedsAForwardOfItsOwn) {
  const arch::Architecture architecture = Branched();
  const auto plan = cpu::CpuBackend().Compile(architecture, {.batch = 16});
  const Examples examples(architecture, 16, 3);
  ParameterVector parameters = InitializeParameters(architecture, (*plan)->layout(), 4);
  ParameterVector gradients((*plan)->layout().size());
  ASSERT_TRUE((*plan)->Forward(Mode::kTraining, examples.feed(16), parameters).ok());
  EXPECT_TRUE((*plan)->Backward(examples.feed(16), parameters, gradients).ok());
  EXPECT_EQ((*plan)->Backward(examples.feed(16), parameters, gradients).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(CpuPlanTest, PlanBeyondTheMemoryLimitIsRefusedWithWhatItWouldTake) {
  const arch::Architecture architecture = Branched();
  const auto plan = cpu::CpuBackend().Compile(architecture, {.batch = 16});
  const std::int64_t bytes = (*plan)->memory_bytes();
  EXPECT_TRUE(
      cpu::CpuBackend({.memory_limit_bytes = bytes}).Compile(architecture, {.batch = 16}).ok());
  const absl::Status refused = cpu::CpuBackend({.memory_limit_bytes = bytes - 1})
                                   .Compile(architecture, {.batch = 16})
                                   .status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()), ::testing::HasSubstr(std::to_string(bytes)));
  // A batch that no machine holds.
  EXPECT_EQ(cpu::CpuBackend({.memory_limit_bytes = std::int64_t{1} << 40})
                .Compile(architecture, {.batch = std::int64_t{1} << 30})
                .status()
                .code(),
            absl::StatusCode::kResourceExhausted);
}

// 0 under sanitizers, whose heaps do not tell.
std::int64_t HeapBytes() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<std::int64_t>(info.uordblks + info.hblkhd);
}

// Large filters, few positions: what belongs to weights would stand out.
TEST(CpuPlanTest, MemoryLimitCountsWhatThePlanTakes) {
  if (HeapBytes() == 0) GTEST_SKIP() << "this heap does not tell its size";
  const arch::Architecture architecture = testing::WithLoss(testing::Classifier(
      {256, 4, 4}, {Conv(768), Layer("batch_norm"), Layer("relu"), Conv(768), Layer("batch_norm"),
                    Layer("flatten"), Layer("linear", {{"units", std::int64_t{256}}})}));
  constexpr std::int64_t kWeightBytes = std::int64_t{768} * 768 * 9 * sizeof(float);
  for (const bool gradients : {true, false}) {
    for (const bool exact : {true, false}) {
      const PlanOptions options = {.batch = 2, .gradients = gradients, .exact = exact};
      // The library keeps the code of its primitives.
      ASSERT_TRUE(cpu::CpuBackend().Compile(architecture, options).ok());
      const std::int64_t before = HeapBytes();
      const auto plan = cpu::CpuBackend().Compile(architecture, options);
      ASSERT_TRUE(plan.ok()) << plan.status();
      const std::int64_t taken = HeapBytes() - before;
      EXPECT_GE(taken, (*plan)->memory_bytes());
      // Arena and scratch may begin at huge pages, of 2 MiB.
      EXPECT_LT(taken, (*plan)->memory_bytes() + kWeightBytes / 3) << gradients << exact;
    }
  }
}

// Nothing can take less than what is live at one time; the layout takes little more.
TEST(CpuPlanTest, ArenaIsHardlyLargerThanWhatLivesAtOneTime) {
  for (const bool gradients : {true, false}) {
    const auto plan =
        cpu::CpuPlan::Create(Branched(), {.batch = 16, .gradients = gradients}, {}).value();
    EXPECT_GE(plan->arena_bytes(), plan->largest_live_bytes());
    EXPECT_LE(plan->arena_bytes(), plan->largest_live_bytes() * 11 / 10);
  }
}

// Counts the passes of each operator's kernels.
class CountingObserver final : public cpu::KernelObserver {
 public:
  absl::Status Run(const arch::Node& node, cpu::Pass pass,
                   absl::FunctionRef<absl::Status()> kernel) override {
    ++(pass == cpu::Pass::kForward ? forward : backward)[std::string(node.op->name)];
    return kernel();
  }

  std::map<std::string, int> forward;
  std::map<std::string, int> backward;
};

TEST(CpuPlanTest, AnObserverRunsEachKernelAndChangesNoBits) {
  const arch::Architecture architecture = Branched();
  CountingObserver observer;
  const auto plan = cpu::CpuBackend({.observer = &observer}).Compile(architecture, {.batch = 4});
  const auto alone = cpu::CpuBackend().Compile(architecture, {.batch = 4});
  const Examples examples(architecture, 4, 3);
  const ParameterLayout& layout = (*plan)->layout();
  ParameterVector parameters = InitializeParameters(architecture, layout, 4);
  ParameterVector expected_parameters = parameters;
  ParameterVector gradients(layout.size());
  ParameterVector expected(layout.size());
  ASSERT_TRUE((*plan)->Forward(Mode::kTraining, examples.feed(), parameters).ok());
  EXPECT_EQ(observer.forward["convolution"], 3);
  EXPECT_EQ(observer.forward["relu"], 0) << "those behind a batch norm are part of it";
  EXPECT_TRUE(observer.backward.empty());
  ASSERT_TRUE((*plan)->Backward(examples.feed(), parameters, gradients).ok());
  EXPECT_EQ(observer.backward["convolution"], 3);
  EXPECT_EQ(observer.backward["input"], 0);
  ASSERT_TRUE((*alone)->Forward(Mode::kTraining, examples.feed(), expected_parameters).ok());
  ASSERT_TRUE((*alone)->Backward(examples.feed(), expected_parameters, expected).ok());
  EXPECT_TRUE(std::ranges::equal(gradients.values(), expected.values()));
}

// A chain counts as its first kernel.
TEST(CpuPlanTest, ElementWiseChainsRunAsOneKernel) {
  const auto runs = [](std::vector<arch::LayerDef> layers) {
    layers.insert(layers.begin(), Conv(4, "", "x"));
    layers.push_back(Layer("global_average_pool"));
    const arch::Architecture network = testing::WithLoss(testing::Classifier({3, 6, 6}, layers));
    CountingObserver observer;
    const auto plan = cpu::CpuBackend({.observer = &observer}).Compile(network, {.batch = 2});
    const Examples examples(network, 2, 1);
    ParameterVector parameters = InitializeParameters(network, (*plan)->layout(), 1);
    ParameterVector gradients((*plan)->layout().size());
    EXPECT_TRUE((*plan)->Forward(Mode::kTraining, examples.feed(), parameters).ok());
    EXPECT_TRUE((*plan)->Backward(examples.feed(), parameters, gradients).ok());
    observer.forward.erase("input");  // images have no gradient
    EXPECT_EQ(observer.forward, observer.backward);
    std::string found;
    for (const auto& [op, count] : observer.forward) {
      if (op != "add" && op != "multiply" && op != "silu" && op != "tanh") continue;
      absl::StrAppend(&found, op, " ", count, " ");
    }
    return found;
  };
  const auto of_x = Layer("tanh", {}, {"x"}, "t");
  EXPECT_EQ(runs({of_x, Layer("silu"), Layer("tanh")}), "tanh 1 ");
  EXPECT_EQ(runs({of_x, Layer("add", {}, {"t", "x"}), Layer("silu")}), "tanh 1 ");
  // A result with another user, an operand of another shape, an operator that mixes elements.
  EXPECT_EQ(runs({of_x, Layer("silu", {}, {"t"}, "s"), Layer("add", {}, {"s", "t"})}),
            "silu 1 tanh 1 ");
  EXPECT_EQ(runs({of_x, Layer("global_average_pool", {}, {"t"}, "mean"),
                  Layer("multiply", {}, {"t", "mean"}), Layer("silu")}),
            "multiply 1 silu 1 tanh 1 ");
}

TEST(CpuPlanTest, NumericsNameLibraryProcessorAndThreads) {
  EXPECT_THAT(cpu::CpuBackend({.threads = 3}).numerics(),
              ::testing::MatchesRegex("onednn-[0-9.]+/[a-z0-9_]+/kernels-[0-9a-f]+/threads-3"));
}

TEST(ArenaTest, BuffersThatLiveTogetherDoNotOverlap) {
  struct Placed {
    cpu::BufferId id;
    std::int64_t size;
    int first, last;
  };
  base::Rng rng(8);
  cpu::Arena arena;
  std::vector<Placed> buffers;
  std::int64_t total = 0;
  for (int i = 0; i < 200; ++i) {
    const auto size = static_cast<std::int64_t>(1 + rng.UniformInt(1000));
    const int first = static_cast<int>(rng.UniformInt(50));
    const int last = first + static_cast<int>(rng.UniformInt(10));
    buffers.push_back({arena.Add(size, first, last), size, first, last});
    total += size;
  }
  arena.Place();
  EXPECT_LT(arena.size_bytes(), total / 2);
  EXPECT_GE(arena.size_bytes(), arena.LargestLiveBytes());
  arena.Allocate();
  for (const Placed& a : buffers) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(arena.data(a.id)) % 64, 0u);
    for (const Placed& b : buffers) {
      if (a.id == b.id || a.last < b.first || b.last < a.first) continue;
      EXPECT_TRUE(arena.data(a.id) + a.size <= arena.data(b.id) ||
                  arena.data(b.id) + b.size <= arena.data(a.id));
    }
  }
}

}  // namespace
}  // namespace graft::engine
