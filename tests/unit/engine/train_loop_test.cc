#include "common/engine/train_loop.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/engine/channel_statistics.h"
#include "common/engine/cpu/cpu_backend.h"
#include "common/engine/diverged.h"
#include "common/engine/dropout.h"
#include "common/engine/reference/reference_backend.h"
#include "tests/unit/engine/testing.h"

namespace graft::engine {
namespace {

using testing::Examples;
using testing::FixedSource;
using testing::Layer;

arch::Architecture SmallNetwork() {
  return testing::WithLoss(testing::Classifier(
      {1, 6, 6},
      {Layer("convolution",
             {{"filters", std::int64_t{4}}, {"kernel", std::int64_t{3}}, {"bias", false}}),
       Layer("batch_norm"), Layer("relu"), Layer("max_pool", {{"kernel", std::int64_t{2}}}),
       Layer("dropout", {{"rate", 0.1}})}));
}

arch::Architecture WithSoftTargets(const arch::Architecture& labelled) {
  std::vector<arch::LayerDef> layers;
  for (arch::LayerDef layer : labelled.ToLayers()) {
    if (layer.id == "labels") {
      layer.attributes = {{"index", std::int64_t{1}},
                          {"shape", std::vector<std::int64_t>{3}},
                          {"dtype", std::string("float32")}};
    } else if (layer.id == "loss") {
      layer.op = "soft_label_cross_entropy";
      layer.attributes = {};
    }
    layers.push_back(layer);
  }
  return arch::Architecture::Create(layers, labelled.ToOutputs()).value();
}

// A source's batches with one-hot targets of three classes.
class OneHotSource final : public BatchSource {
 public:
  explicit OneHotSource(BatchSource& source) : source_(source) {}
  absl::Status StartEpoch(int epoch) override { return source_.StartEpoch(epoch); }
  absl::StatusOr<Batch> Next() override {
    absl::StatusOr<Batch> batch = source_.Next();
    targets_.assign(batch->count * 3, 0.0F);
    for (std::int64_t i = 0; i < batch->count; ++i) targets_[3 * i + batch->labels[i]] = 1;
    batch->targets = targets_.data();
    return batch;
  }
  std::int64_t batches_per_epoch() const override { return source_.batches_per_epoch(); }

 private:
  BatchSource& source_;
  std::vector<float> targets_;
};

class TrainLoopTest : public ::testing::Test {
 protected:
  TrainLoopTest()
      : architecture_(SmallNetwork()),
        plan_(*cpu::CpuBackend().Compile(architecture_, {.batch = 8})),
        parameters_(InitializeParameters(architecture_, plan_->layout(), 1)),
        examples_(architecture_, 20, 2),
        source_(examples_, 8) {
    recipe_.schedule.shape = recipe::ConstantSchedule{};
  }

  arch::Architecture architecture_;
  std::unique_ptr<Plan> plan_;
  ParameterVector parameters_;
  Examples examples_;
  FixedSource source_;
  recipe::Recipe recipe_{.epochs = 3, .optimizer = recipe::SgdOptions{.learning_rate = 0.05}};
};

TEST_F(TrainLoopTest, LossFallsAndEveryEpochIsReported) {
  recipe_.epochs = 30;
  std::vector<EpochReport> reports;
  const auto result = Train(*plan_, parameters_, source_, recipe_,
                            {.on_epoch = [&](const EpochReport& report, ParameterVector&) {
                              reports.push_back(report);
                              return absl::OkStatus();
                            }});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->epochs, 30);
  EXPECT_EQ(result->steps, 90);  // 8 + 8 + 4 examples an epoch
  EXPECT_FALSE(result->stopped);
  ASSERT_EQ(reports.size(), 30u);
  EXPECT_EQ(reports[0].epoch, 1);
  EXPECT_EQ(reports[0].examples, 20);
  EXPECT_EQ(reports[0].learning_rate, 0.05F);
  EXPECT_LT(reports[29].mean_loss, 0.5 * reports[0].mean_loss);
  EXPECT_EQ(result->mean_loss, reports[29].mean_loss);
  EXPECT_EQ(source_.epochs_started, 30);
}

TEST_F(TrainLoopTest, EqualArgumentsGiveEqualBits) {
  ParameterVector again = parameters_;
  ASSERT_TRUE(Train(*plan_, parameters_, source_, recipe_).ok());
  // Another plan: nothing may depend on addresses or on what a plan did before.
  const auto other = cpu::CpuBackend().Compile(architecture_, {.batch = 8});
  ASSERT_TRUE(Train(**other, again, source_, recipe_).ok());
  EXPECT_TRUE(std::ranges::equal(parameters_.values(), again.values()));
}

TEST_F(TrainLoopTest, AnotherSeedDropsOtherElements) {
  ParameterVector again = parameters_;
  ASSERT_TRUE(Train(*plan_, parameters_, source_, recipe_).ok());
  recipe_.seed = 1;
  ASSERT_TRUE(Train(*plan_, again, source_, recipe_).ok());
  EXPECT_FALSE(std::ranges::equal(parameters_.values(), again.values()));
}

TEST_F(TrainLoopTest, StopsBetweenSteps) {
  std::atomic<bool> stop = false;
  const auto result = Train(*plan_, parameters_, source_, recipe_,
                            {.on_epoch =
                                 [&](const EpochReport& report, ParameterVector&) {
                                   stop = report.epoch == 2;
                                   return absl::OkStatus();
                                 },
                             .stop = &stop});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->stopped);
  EXPECT_EQ(result->epochs, 2);
  EXPECT_EQ(result->steps, 6);
}

TEST_F(TrainLoopTest, AnErrorOfTheCallbackEndsTheTraining) {
  const auto result = Train(*plan_, parameters_, source_, recipe_,
                            {.on_epoch = [](const EpochReport&, ParameterVector&) {
                              return absl::UnavailableError("lease lost");
                            }});
  EXPECT_EQ(result.status(), absl::UnavailableError("lease lost"));
}

using DivergedValueTest = TrainLoopTest;

// What a divergence is called, on both backends.
class DivergenceTest : public TrainLoopTest, public ::testing::WithParamInterface<bool> {
 protected:
  absl::Status TrainOnBackend() {
    std::unique_ptr<Backend> backend = std::make_unique<cpu::CpuBackend>();
    if (GetParam()) backend = std::make_unique<reference::ReferenceBackend>();
    const auto plan = backend->Compile(architecture_, {.batch = 8});
    return Train(**plan, parameters_, source_, recipe_).status();
  }

  std::string TensorNameOf(std::string_view id) const {
    return architecture_.TensorName(*architecture_.FindNode(id));
  }
  void Fill(std::string_view id, std::vector<float> values) {
    const std::span<float> slice =
        parameters_.slice(plan_->layout().slot(*architecture_.FindNode(id)));
    for (std::size_t i = 0; i < slice.size(); ++i) slice[i] = values[i % values.size()];
  }
};

TEST_P(DivergenceTest, OfImagesNamesTheInput) {
  examples_.images[8 * 36] = std::numeric_limits<float>::quiet_NaN();  // in the second step
  const absl::Status status = TrainOnBackend();
  EXPECT_EQ(status, DivergedError(1, "the value of 00000.input")) << status;
  EXPECT_TRUE(IsDiverged(status));
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
}

TEST_P(DivergenceTest, OfAParameterThatWasBadFromTheStartNamesIt) {
  Fill("linear_1.bias", {0, std::numeric_limits<float>::infinity()});
  EXPECT_EQ(TrainOnBackend(), DivergedError(0, TensorNameOf("linear_1.bias")));
}

TEST_P(DivergenceTest, OfAStepNamesTheFirstParameterThatItMoved) {
  recipe_.optimizer = recipe::SgdOptions{.learning_rate = 3e38, .momentum = 0, .weight_decay = 0};
  Fill("batch_norm_1.scale", {1e3F});  // large features have large gradients
  const absl::Status status = TrainOnBackend();
  EXPECT_EQ(status, DivergedError(0, TensorNameOf("convolution_1.weight"))) << status;
}

// Three linear layers; gradients of the first two overflow, that of the second before the first's.
class GradientDivergenceTest : public DivergenceTest {
 protected:
  GradientDivergenceTest() {
    architecture_ = testing::WithLoss(
        testing::Classifier({4}, {Layer("linear", {{"units", std::int64_t{2}}}),
                                  Layer("linear", {{"units", std::int64_t{1}}})}));
    plan_ = *cpu::CpuBackend().Compile(architecture_, {.batch = 8});
    parameters_ = InitializeParameters(architecture_, plan_->layout(), 1);
    examples_ = Examples(architecture_, 20, 2);
    std::ranges::fill(examples_.images, 1e10F);
    Fill("linear_1.weight", {1e10F});
    Fill("linear_2.weight", {1, -1});
    Fill("linear_3.weight", {1e30F, 0, 0});
    for (const char* bias : {"linear_1.bias", "linear_2.bias", "linear_3.bias"}) Fill(bias, {0});
  }
};

TEST_P(GradientDivergenceTest, NamesTheGradientThatWasComputedFirst) {
  const std::string expected = absl::StrCat("the gradient of ", TensorNameOf("linear_2.weight"));
  EXPECT_EQ(TrainOnBackend(), DivergedError(0, expected));
}

// The scale that comes of it would let all parameters go bad.
TEST_P(GradientDivergenceTest, NamesItWhereGradientsAreClipped) {
  recipe_.clip_norm = 1;
  const std::string expected = absl::StrCat("the gradient of ", TensorNameOf("linear_2.weight"));
  EXPECT_EQ(TrainOnBackend(), DivergedError(0, expected));
}

// Values of a network in float64 hardly overflow: one is put there.
TEST_F(DivergedValueTest, IsNamedByTheReference) {
  const auto plan = reference::ReferenceBackend().CompileReference(architecture_, {.batch = 8});
  const arch::NodeIndex node = *architecture_.FindNode("relu_1");
  (*plan)->Pin(node, 3, std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(Train(**plan, parameters_, source_, recipe_).status(),
            DivergedError(0, absl::StrFormat("the value of %05d.relu", node)));
}

TEST_F(DivergedValueTest, IsNamedByTheCpuBackend) {
  const arch::NodeIndex node = *architecture_.FindNode("linear_1");
  const arch::NodeIndex weight = *architecture_.FindNode("linear_1.weight");
  std::ranges::fill(parameters_.slice(plan_->layout().slot(weight)), 3e38F);
  EXPECT_EQ(Train(*plan_, parameters_, source_, recipe_).status(),
            DivergedError(0, absl::StrFormat("the value of %05d.linear", node)));
}

std::string BackendName(const ::testing::TestParamInfo<bool>& info) {
  return info.param ? "Reference" : "Cpu";
}

INSTANTIATE_TEST_SUITE_P(Backends, DivergenceTest, ::testing::Bool(), BackendName);
INSTANTIATE_TEST_SUITE_P(Backends, GradientDivergenceTest, ::testing::Bool(), BackendName);

TEST_F(TrainLoopTest, AverageOfTheParametersIsWhatIsJudgedAndKept) {
  // The same training without an average shows what is averaged.
  ParameterVector plain = parameters_;
  const ParameterVector start = parameters_;
  std::vector<ParameterVector> by_step;
  FixedSource whole(examples_, 20);
  const auto plan = cpu::CpuBackend().Compile(architecture_, {.batch = 20});
  ASSERT_TRUE(Train(**plan, plain, whole, recipe_,
                    {.on_epoch =
                         [&](const EpochReport&, ParameterVector& network) {
                           by_step.push_back(network);
                           return absl::OkStatus();
                         }})
                  .ok());
  recipe_.ema_decay = 0.15;
  std::vector<ParameterVector> averages;
  ASSERT_TRUE(Train(**plan, parameters_, whole, recipe_,
                    {.on_epoch =
                         [&](const EpochReport&, ParameterVector& network) {
                           averages.push_back(network);
                           return absl::OkStatus();
                         }})
                  .ok());
  ASSERT_EQ(averages.size(), 3U);
  // Decays: 1/10, 2/11 and 3/12 are bounded by 0.15.
  std::vector<double> average(start.values().begin(), start.values().end());
  for (int step = 0; step < 3; ++step) {
    const double keep = step == 0 ? 0.1 : 0.15;
    for (std::size_t i = 0; i < average.size(); ++i) {
      average[i] = keep * average[i] + (1 - keep) * by_step[step].values()[i];
      EXPECT_NEAR(averages[step].values()[i], average[i], 1e-6) << step << " " << i;
    }
  }
  EXPECT_TRUE(std::ranges::equal(parameters_.values(), averages[2].values()));
}

TEST_F(TrainLoopTest, FrozenTensorsStayAsTheyAre) {
  const std::vector<std::string> patterns = {"*.scale", "*.mean", "*.variance"};
  const auto frozen = FrozenParameters(architecture_, patterns);
  ASSERT_TRUE(frozen.ok()) << frozen.status();
  ASSERT_EQ(frozen->size(), 3U);
  const auto plan = cpu::CpuBackend().Compile(architecture_, {.batch = 8, .frozen = *frozen});
  const ParameterVector before = testing::RandomParameters(architecture_, (*plan)->layout(), 1);
  for (const double ema_decay : {0.0, 0.9}) {
    recipe_.ema_decay = ema_decay;
    ParameterVector after = before;
    ASSERT_TRUE(Train(**plan, after, source_, recipe_).ok());
    for (const arch::NodeIndex node : architecture_.parameters()) {
      const ParameterLayout::Slot& slot = (*plan)->layout().slot(node);
      EXPECT_EQ(std::ranges::equal(before.slice(slot), after.slice(slot)),
                std::ranges::find(*frozen, node) != frozen->end())
          << architecture_.TensorName(node) << " with " << ema_decay;
    }
  }
}

TEST_F(TrainLoopTest, PatternThatMatchesNoTensorIsNamed) {
  const std::vector<std::string> patterns = {"*.scale", "*.kernal"};
  const absl::Status status = FrozenParameters(architecture_, patterns).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("frozen[1]: matches no tensor"), std::string::npos) << status;
}

TEST_F(TrainLoopTest, EvaluationCountsHitsAndAveragesLossOverExamples) {
  const auto evaluation = Evaluate(*plan_, parameters_, source_);
  ASSERT_TRUE(evaluation.ok()) << evaluation.status();
  EXPECT_EQ(evaluation->examples, 20);
  double loss = 0;
  int hits = 0;
  const auto one = cpu::CpuBackend().Compile(architecture_, {.batch = 1, .gradients = false});
  for (int n = 0; n < 20; ++n) {
    const Feed feed{.count = 1,
                    .inputs = {examples_.images.data() + n * 36, examples_.labels.data() + n}};
    ASSERT_TRUE((*one)->Forward(Mode::kInference, feed, parameters_).ok());
    loss += (*one)->Output(0)[0];
    const auto logits = (*one)->Output(1);
    hits += std::ranges::max_element(logits) - logits.begin() == examples_.labels[n];
  }
  EXPECT_NEAR(evaluation->loss, loss / 20, 1e-5);
  EXPECT_DOUBLE_EQ(evaluation->accuracy, hits / 20.0);
}

TEST_F(TrainLoopTest, AnExampleWithoutFiniteLogitsIsNoHit) {
  examples_.images.assign(examples_.images.size(), std::numeric_limits<float>::quiet_NaN());
  const auto evaluation = Evaluate(*plan_, parameters_, source_);
  ASSERT_TRUE(evaluation.ok()) << evaluation.status();
  EXPECT_EQ(evaluation->accuracy, 0.0);
}

TEST_F(TrainLoopTest, OneHotTargetsAreLearnedAsLabelsAre) {
  const auto plan = cpu::CpuBackend().Compile(WithSoftTargets(architecture_), {.batch = 8});
  ASSERT_TRUE(plan.ok()) << plan.status();
  OneHotSource source(source_);
  ParameterVector soft = parameters_;
  const auto of_targets = Train(**plan, soft, source, recipe_);
  ASSERT_TRUE(of_targets.ok()) << of_targets.status();
  const auto of_labels = Train(*plan_, parameters_, source_, recipe_);
  ASSERT_TRUE(of_labels.ok()) << of_labels.status();
  EXPECT_NEAR(of_targets->mean_loss, of_labels->mean_loss, 1e-4);
  EXPECT_LT(testing::RelativeDifference(soft.values(), parameters_.values()), 1e-3);
}

TEST_F(TrainLoopTest, TargetsAreRefusedWhereThereAreNoneAndInEvaluations) {
  const auto plan = cpu::CpuBackend().Compile(WithSoftTargets(architecture_), {.batch = 8});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(Train(**plan, parameters_, source_, recipe_).status().code(),
            absl::StatusCode::kInvalidArgument);
  OneHotSource source(source_);
  EXPECT_EQ(Evaluate(**plan, parameters_, source).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(TrainLoopTest, AnotherFormOfPlanIsRefused) {
  const auto plan = cpu::CpuBackend().Compile(testing::Classifier({4}, {}), {.gradients = false});
  ParameterVector parameters((*plan)->layout().size());
  EXPECT_EQ(Train(**plan, parameters, source_, recipe_).status().code(),
            absl::StatusCode::kInvalidArgument);
}

reference::ReferenceBackend reference_backend;
cpu::CpuBackend cpu_backend;

class BackendTest : public ::testing::TestWithParam<Backend*> {};

TEST_P(BackendTest, GradientsOfAnythingButAScalarAreRefused) {
  EXPECT_EQ(GetParam()->Compile(testing::Classifier({4}, {}), {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_P(BackendTest, BadRunsAreRefused) {
  const arch::Architecture architecture = SmallNetwork();
  const auto plan = GetParam()->Compile(architecture, {.batch = 4});
  ASSERT_TRUE(plan.ok()) << plan.status();
  Examples examples(architecture, 5, 1);
  ParameterVector parameters((*plan)->layout().size());
  const auto forward = [&](const Feed& feed) {
    return (*plan)->Forward(Mode::kTraining, feed, parameters).code();
  };
  EXPECT_EQ(forward(examples.feed(4)), absl::StatusCode::kOk);
  EXPECT_EQ(forward(examples.feed(5)), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(forward(examples.feed(0)), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(forward({.count = 4, .inputs = {examples.images.data()}}),
            absl::StatusCode::kInvalidArgument);
  ParameterVector gradients((*plan)->layout().size());
  EXPECT_EQ((*plan)->Backward(examples.feed(4), parameters, gradients).code(),
            absl::StatusCode::kFailedPrecondition);
  examples.labels[2] = 3;
  EXPECT_EQ(forward(examples.feed(4)), absl::StatusCode::kInvalidArgument);
}

// A batch norm over [F] or [C, 1, 1], whose channels have one element in a batch of one.
TEST_P(BackendTest, TrainingOnOneElementAChannelIsRefusedAndNamesTheLayer) {
  const arch::Architecture of_features = testing::WithLoss(testing::Classifier(
      {1, 2, 2}, {Layer("flatten"), Layer("linear", {{"units", std::int64_t{3}}}),
                  Layer("batch_norm", {}, {}, "norm"), Layer("relu")}));
  const arch::Architecture of_pixels = testing::WithLoss(
      testing::Classifier({1, 2, 2}, {Layer("convolution", {{"filters", std::int64_t{3}},
                                                            {"kernel", std::int64_t{2}},
                                                            {"padding", std::int64_t{0}}}),
                                      Layer("batch_norm", {}, {}, "norm"), Layer("relu")}));
  for (const arch::Architecture& architecture : {of_features, of_pixels}) {
    for (const std::int64_t batch : {1, 4}) {
      const auto plan = GetParam()->Compile(architecture, {.batch = batch});
      ASSERT_TRUE(plan.ok()) << plan.status();
      const Examples examples(architecture, batch, 1);
      ParameterVector parameters = InitializeParameters(architecture, (*plan)->layout(), 1);
      const ParameterVector before = parameters;
      const absl::Status status = (*plan)->Forward(Mode::kTraining, examples.feed(1), parameters);
      EXPECT_EQ(status, absl::InvalidArgumentError(
                            "layer norm (batch_norm) cannot normalise a single element a channel: "
                            "train on two examples"));
      EXPECT_TRUE(std::ranges::equal(parameters.values(), before.values()));
      EXPECT_TRUE((*plan)->Forward(Mode::kInference, examples.feed(1), parameters).ok());
    }
  }
}

TEST_P(BackendTest, TrainingInBatchesOfOneEndsWithTheLayerThatCannot) {
  const arch::Architecture architecture = testing::WithLoss(testing::Classifier(
      {4}, {Layer("linear", {{"units", std::int64_t{3}}}), Layer("batch_norm", {}, {}, "norm")}));
  const auto plan = GetParam()->Compile(architecture, {.batch = 1});
  ASSERT_TRUE(plan.ok()) << plan.status();
  const Examples examples(architecture, 3, 1);
  FixedSource source(examples, 1);
  ParameterVector parameters = InitializeParameters(architecture, (*plan)->layout(), 1);
  const absl::Status status = Train(**plan, parameters, source, {.epochs = 1}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("layer norm (batch_norm)"), std::string::npos) << status;
}

// By frozen statistics the loss is that of inference, and so are its slopes.
TEST_P(BackendTest, FrozenStatisticsAreUsedInTrainingAndDifferentiatedAsConstants) {
  const arch::Architecture architecture = testing::WithLoss(testing::Classifier(
      {2, 4, 4}, {Layer("convolution", {{"filters", std::int64_t{3}}, {"kernel", std::int64_t{3}}}),
                  Layer("batch_norm")}));
  const std::vector<std::string> patterns = {"*.mean", "*.variance"};
  const auto plan = GetParam()->Compile(
      architecture, {.batch = 5, .frozen = FrozenParameters(architecture, patterns).value()});
  ASSERT_TRUE(plan.ok()) << plan.status();
  const ParameterLayout& layout = (*plan)->layout();
  ParameterVector parameters = testing::RandomParameters(architecture, layout, 3);
  const Examples examples(architecture, 5, 1);
  const auto loss = [&](Mode mode) {
    EXPECT_TRUE((*plan)->Forward(mode, examples.feed(5), parameters).ok());
    return static_cast<double>((*plan)->Output(0)[0]);
  };
  // Inference may take the norm into the convolution.
  EXPECT_NEAR(loss(Mode::kTraining), loss(Mode::kInference), 2e-6);
  loss(Mode::kTraining);
  ParameterVector gradients(layout.size());
  ASSERT_TRUE((*plan)->Backward(examples.feed(5), parameters, gradients).ok());
  constexpr float kStep = 1e-2F;
  for (const ParameterLayout::Slot& slot : layout.slots()) {
    if (!slot.trainable) continue;
    float& parameter = parameters.slice(slot)[0];
    const float before = parameter;
    parameter = before + kStep;
    const double above = loss(Mode::kTraining);
    parameter = before - kStep;
    const double below = loss(Mode::kTraining);
    parameter = before;
    EXPECT_NEAR(gradients.slice(slot)[0], (above - below) / (2 * kStep), 2e-3)
        << architecture.TensorName(slot.node);
  }
}

// One example of several pixels a channel has statistics.
TEST(BatchOfOneTest, TrainsEquallyOnBothBackendsWhereChannelsHaveSeveralElements) {
  const arch::Architecture architecture = testing::WithLoss(testing::Classifier(
      {2, 2, 2}, {Layer("convolution", {{"filters", std::int64_t{5}}, {"kernel", std::int64_t{1}}}),
                  Layer("batch_norm")}));
  const ParameterLayout layout(architecture);
  const Examples examples(architecture, 1, 1);
  const auto step = [&](Backend& backend, ParameterVector& parameters) {
    const auto plan = backend.Compile(architecture, {.batch = 1});
    EXPECT_TRUE((*plan)->Forward(Mode::kTraining, examples.feed(), parameters).ok());
    ParameterVector gradients(layout.size());
    EXPECT_TRUE((*plan)->Backward(examples.feed(), parameters, gradients).ok());
    return gradients;
  };
  ParameterVector expected = testing::RandomParameters(architecture, layout, 1);
  ParameterVector actual = expected;
  const ParameterVector expected_gradients = step(reference_backend, expected);
  const ParameterVector actual_gradients = step(cpu_backend, actual);
  EXPECT_LE(testing::RelativeDifference(actual.values(), expected.values()), 1e-6);
  EXPECT_LE(testing::RelativeDifference(actual_gradients.values(), expected_gradients.values()),
            1e-5);
}

TEST_P(BackendTest, ChannelStatisticsAreThoseOfTheFetchedValue) {
  const arch::Architecture architecture = testing::WithLoss(testing::Classifier(
      {3, 4, 5}, {Layer("convolution", {{"filters", std::int64_t{5}}, {"kernel", std::int64_t{3}}}),
                  Layer("batch_norm"), Layer("relu", {}, {}, "r")}));
  const arch::NodeIndex relu = *architecture.FindNode("r");
  const auto plan =
      GetParam()->Compile(architecture, {.batch = 4, .gradients = false, .fetch = {relu}});
  ASSERT_TRUE(plan.ok()) << plan.status();
  const Examples examples(architecture, 4, 1);
  ParameterVector parameters = testing::RandomParameters(architecture, (*plan)->layout(), 1);
  const auto statistics = CollectChannelStatistics(**plan, parameters, examples.feed(),
                                                   std::vector<arch::NodeIndex>{relu});
  ASSERT_TRUE(statistics.ok()) << statistics.status();
  ASSERT_EQ(statistics->size(), 1u);
  const ChannelStatistics& of_relu = (*statistics)[0];
  ASSERT_EQ(of_relu.mean.size(), 5u);
  const std::span<const float> values = (*plan)->Value(relu);  // [4, 5, 20]
  ASSERT_EQ(values.size(), 400u);
  double mean = 0;
  double square = 0;
  for (int n = 0; n < 4; ++n) {
    for (int i = 0; i < 20; ++i) {
      const double value = values[(n * 5 + 3) * 20 + i];
      mean += value / 80;
      square += value * value / 80;
    }
  }
  EXPECT_NEAR(of_relu.mean[3], mean, 1e-6);
  EXPECT_NEAR(of_relu.variance[3], square - mean * mean, 1e-6);
  EXPECT_GT(of_relu.variance[3], 0);
}

TEST_P(BackendTest, AValueThatWasNotFetchedHasNoStatistics) {
  const arch::Architecture architecture = SmallNetwork();
  const auto plan = GetParam()->Compile(architecture, {.batch = 4});
  const Examples examples(architecture, 4, 1);
  ParameterVector parameters = InitializeParameters(architecture, (*plan)->layout(), 1);
  EXPECT_EQ(CollectChannelStatistics(**plan, parameters, examples.feed(),
                                     std::vector<arch::NodeIndex>{*architecture.FindNode("relu_1")})
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(Both, BackendTest,
                         ::testing::Values<Backend*>(&reference_backend, &cpu_backend),
                         [](const auto& test) { return test.param->name(); });

TEST(DropoutMaskTest, DependsOnSeedAndNodeAndKeepsTheShareItShould) {
  std::vector<std::uint8_t> a(10'000), b(10'000), prefix(100);
  DropoutMask(5, 3, 0.3, a);
  DropoutMask(5, 3, 0.3, prefix);
  EXPECT_TRUE(std::equal(prefix.begin(), prefix.end(), a.begin()));
  EXPECT_NEAR(std::ranges::count(a, 1), 7000, 200);
  DropoutMask(5, 4, 0.3, b);
  EXPECT_NE(a, b);
  DropoutMask(6, 3, 0.3, b);
  EXPECT_NE(a, b);
  EXPECT_FLOAT_EQ(DropoutScale(0.2), 1.25F);
}

}  // namespace
}  // namespace graft::engine
