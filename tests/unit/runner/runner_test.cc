#include "common/runner/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/data/idx.h"
#include "common/engine/cpu/convolution_method.h"
#include "common/engine/cpu/cpu_backend.h"
#include "common/engine/reference/reference_backend.h"
#include "common/runner/predictor.h"
#include "tests/unit/engine/bfloat16_table.h"
#include "tests/unit/runner/testing.h"

namespace graft::runner {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::UnorderedElementsAre;

std::unique_ptr<engine::Backend> MakeBackend(const std::string& name) {
  if (name == "reference") return std::make_unique<engine::reference::ReferenceBackend>();
  return std::make_unique<engine::cpu::CpuBackend>();
}

// Runs trials on the tiny task; derived ones inherit what `Parent` trained.
class RunnerTest : public ::testing::TestWithParam<std::string> {
 protected:
  absl::StatusOr<RunOutputs> RunTrial(const trial::TrialSpec& spec, const RunHooks& hooks = {},
                                      const ApplyEdit& apply_edit = transform::Apply) {
    return runner::Run(*backend_,
                       {.spec = &spec,
                        .dataset = &dataset_,
                        .normalizer = &normalizer_,
                        .parent_weights = &parent_,
                        .apply_edit = apply_edit},
                       hooks);
  }

  FailureKind KindOfRun(const trial::TrialSpec& spec, const RunHooks& hooks = {},
                        const ApplyEdit& apply_edit = transform::Apply) {
    const absl::StatusOr<RunOutputs> outputs = RunTrial(spec, hooks, apply_edit);
    EXPECT_FALSE(outputs.ok());
    message_ = std::string(outputs.status().message());
    return FailureKindOf(outputs.status());
  }

  // Weights of TinyArchitecture after two epochs.
  void TrainParent() { parent_ = RunTrial(TinyInitSpec()).value().weights; }

  const std::unique_ptr<engine::Backend> backend_ = MakeBackend(GetParam());
  const data::Dataset dataset_ = TinyDataset();
  const data::Normalizer normalizer_{dataset_};
  tensor::NamedTensors parent_;
  std::string message_;  // of the last KindOfRun
};

INSTANTIATE_TEST_SUITE_P(Backends, RunnerTest, ::testing::Values("reference", "cpu"),
                         [](const auto& info) { return info.param; });

TEST_P(RunnerTest, FreshNetworkLearns) {
  const RunOutputs outputs = RunTrial(TinyInitSpec(8)).value();
  const trial::Metrics& metrics = outputs.measurement.metrics;
  EXPECT_GT(metrics.at("accuracy"), metrics.at("initial_accuracy"));
  EXPECT_GT(metrics.at("accuracy"), 0.8);
  EXPECT_LT(metrics.at("loss"), metrics.at("initial_loss"));
  EXPECT_FALSE(outputs.measurement.preservation_error.has_value());
  EXPECT_TRUE(outputs.calibration_statistics.empty());
}

TEST_P(RunnerTest, MeasuresEachEpochAndTheCost) {
  std::vector<std::int64_t> reported;
  const RunHooks hooks{
      .on_epoch = [&](const trial::EpochMeasurement& epoch) { reported.push_back(epoch.epoch); }};
  const trial::TrialSpec spec = TinyInitSpec(3);
  const trial::Measurement measurement = RunTrial(spec, hooks).value().measurement;
  EXPECT_EQ(reported, (std::vector<std::int64_t>{1, 2, 3}));
  ASSERT_EQ(measurement.epochs.size(), 3U);
  EXPECT_THAT(measurement.epochs[1].metrics,
              UnorderedElementsAre(Key("accuracy"), Key("loss"), Key("train_loss")));
  EXPECT_THAT(measurement.metrics,
              UnorderedElementsAre(Key("accuracy"), Key("loss"), Key("train_loss"),
                                   Key("initial_accuracy"), Key("initial_loss")));
  EXPECT_EQ(measurement.cost.parameters, spec.architecture.cost().parameters);
  EXPECT_EQ(measurement.cost.macs, spec.architecture.cost().macs);
  EXPECT_GT(measurement.cost.images_per_second, 0);
  EXPECT_GT(measurement.cost.wall_time, absl::ZeroDuration());
  EXPECT_GT(measurement.cost.device_time, absl::ZeroDuration());
  EXPECT_GE(measurement.cost.data_wait, absl::ZeroDuration());
  EXPECT_LT(measurement.cost.data_wait, measurement.cost.wall_time);
}

TEST_P(RunnerTest, LogTellsWhatWasInheritedAndWhatTrainingStartsFrom) {
  TrainParent();
  std::vector<std::string> lines;
  const RunHooks hooks{.log = [&](std::string_view line) { lines.emplace_back(line); }};
  ASSERT_TRUE(RunTrial(TinyDeriveSpec({Widen("conv1", 6)}), hooks).ok());
  EXPECT_THAT(lines, ElementsAre(HasSubstr("inherited the parent's weights, edits: 1"),
                                 HasSubstr("before training")));
}

TEST_P(RunnerTest, PredictionsAreAsGoodAsTheMeasurementSays) {
  TrainParent();
  trial::TrialSpec spec = TinyDeriveSpec({}, 0);
  TaskOf(spec).evaluation_split = trial::Split::kTest;
  const RunOutputs outputs = RunTrial(spec).value();
  absl::StatusOr<Predictor> predictor =
      Predictor::Create(*backend_, {.architecture = &spec.architecture, .weights = &parent_}, 7);
  ASSERT_TRUE(predictor.ok()) << predictor.status();
  const auto image_size = static_cast<std::size_t>(dataset_.image_size());
  const auto classes = static_cast<std::size_t>(dataset_.class_count());
  const data::ImageSet& test = dataset_.test();
  double correct = 0;
  double log_likelihood = 0;
  for (std::int64_t first = 0; first < test.count(); first += 7) {
    ImageBatch batch{.count = std::min<std::int64_t>(7, test.count() - first)};
    batch.images.resize(batch.count * image_size);
    for (std::int64_t i = 0; i < batch.count; ++i) {
      normalizer_.Apply(std::span(test.pixels).subspan((first + i) * image_size, image_size),
                        std::span(batch.images).subspan(i * image_size, image_size));
    }
    const std::vector<float> logits = predictor->Logits(batch).value();
    ASSERT_EQ(logits.size(), batch.count * classes);
    for (std::int64_t i = 0; i < batch.count; ++i) {
      const std::vector<double> row = Softmax(std::span(logits).subspan(i * classes, classes));
      EXPECT_NEAR(std::accumulate(row.begin(), row.end(), 0.0), 1, 1e-12);
      const std::size_t label = test.labels[first + i];
      correct += std::ranges::max_element(row) - row.begin() == static_cast<std::ptrdiff_t>(label);
      log_likelihood += std::log(row[label]);
    }
  }
  const auto count = static_cast<double>(test.count());
  EXPECT_DOUBLE_EQ(correct / count, outputs.measurement.metrics.at("accuracy"));
  EXPECT_NEAR(-log_likelihood / count, outputs.measurement.metrics.at("loss"), 1e-5);
}

TEST_P(RunnerTest, ChildrenKeepTheParentsFunctionBeforeTheyTrain) {
  TrainParent();
  const double parent_accuracy =
      RunTrial(TinyDeriveSpec({}, 0)).value().measurement.metrics.at("accuracy");
  const std::vector<std::vector<transform::Edit>> children = {
      {Widen("conv1", 7)},
      {Widen("fc1", 11)},
      {Deepen("conv2", 3)},
      {Deepen("fc1")},
      {Widen("conv1", 6), Widen("conv2", 9), Deepen("conv1", 5), Deepen("conv2", 1),
       Widen("fc1", 8), Deepen("fc1")},
  };
  for (const std::vector<transform::Edit>& edits : children) {
    const RunOutputs outputs = RunTrial(TinyDeriveSpec(edits)).value();
    ASSERT_TRUE(outputs.measurement.preservation_error.has_value());
    EXPECT_LE(*outputs.measurement.preservation_error, 1e-5) << ToString(edits[0]);
    EXPECT_DOUBLE_EQ(outputs.measurement.metrics.at("initial_accuracy"), parent_accuracy);
  }
}

TEST_P(RunnerTest, CalibratedEditsRecordTheirStatistics) {
  TrainParent();
  const RunOutputs outputs =
      RunTrial(TinyDeriveSpec({Widen("conv1", 6), Deepen("conv1", 3)}, 1)).value();
  ASSERT_EQ(outputs.calibration_statistics.size(), 2U);
  const auto& [name, mean] = *outputs.calibration_statistics.begin();
  EXPECT_THAT(name, ::testing::MatchesRegex("edit-1\\.[0-9]{5}\\.mean"));
  EXPECT_EQ(mean.shape(), tensor::Shape({6}));
}

TEST_P(RunnerTest, WeightsFitTheChildsArchitecture) {
  TrainParent();
  const trial::TrialSpec spec = TinyDeriveSpec({Widen("conv1", 6)});
  const RunOutputs outputs = RunTrial(spec).value();
  ASSERT_EQ(outputs.weights.size(), spec.architecture.parameters().size());
  for (const arch::NodeIndex parameter : spec.architecture.parameters()) {
    EXPECT_EQ(outputs.weights.Get(spec.architecture.TensorName(parameter)).shape(),
              spec.architecture.node(parameter).type.shape);
  }
}

TEST_P(RunnerTest, EqualInputsGiveEqualBits) {
  TrainParent();
  const trial::TrialSpec spec = TinyDeriveSpec({Widen("conv1", 6), Deepen("conv2", 3)});
  const RunOutputs first = RunTrial(spec).value();
  const RunOutputs second = RunTrial(spec).value();
  EXPECT_EQ(first.weights, second.weights);
  EXPECT_EQ(first.calibration_statistics, second.calibration_statistics);
  EXPECT_EQ(first.measurement.metrics, second.measurement.metrics);
  EXPECT_EQ(first.measurement.preservation_error, second.measurement.preservation_error);
}

TEST_P(RunnerTest, SeedOfTheRecipeDecidesTheOrderOfTheImages) {
  trial::TrialSpec other = TinyInitSpec();
  ++other.recipe.seed;
  EXPECT_NE(RunTrial(TinyInitSpec()).value().weights, RunTrial(other).value().weights);
}

TEST_P(RunnerTest, AugmentedTrainingGivesEqualBitsAgain) {
  trial::TrialSpec spec = TinyInitSpec(3);
  spec.recipe.flip = true;
  spec.recipe.pad_crop = 1;
  spec.recipe.cutout = 2;
  spec.recipe.rand_augment_operations = 1;
  spec.recipe.rand_augment_magnitude = 5;
  spec.recipe.mixup_alpha = 0.2;
  spec.recipe.cutmix_alpha = 0.2;
  spec.recipe.label_smoothing = 0.1;
  const RunOutputs first = RunTrial(spec).value();
  const RunOutputs second = RunTrial(spec).value();
  EXPECT_EQ(first.weights, second.weights);
  EXPECT_EQ(first.measurement.metrics, second.measurement.metrics);
  EXPECT_LT(first.measurement.metrics.at("loss"), first.measurement.metrics.at("initial_loss"));
}

TEST_P(RunnerTest, EachOptionOfTheRecipeChangesTheTrainingAlone) {
  const RunOutputs plain = RunTrial(TinyInitSpec()).value();
  for (const auto& change : std::vector<std::function<void(recipe::Recipe&)>>{
           [](recipe::Recipe& recipe) { recipe.flip = true; },
           [](recipe::Recipe& recipe) { recipe.pad_crop = 1; },
           [](recipe::Recipe& recipe) { recipe.cutout = 3; },
           [](recipe::Recipe& recipe) { recipe.cutout = 100; },
           [](recipe::Recipe& recipe) { recipe.rand_augment_operations = 2; },
           [](recipe::Recipe& recipe) { recipe.mixup_alpha = 0.4; },
           [](recipe::Recipe& recipe) { recipe.cutmix_alpha = 1; },
           [](recipe::Recipe& recipe) { recipe.label_smoothing = 0.1; },
           [](recipe::Recipe& recipe) { recipe.optimizer = recipe::MuonOptions{}; },
           [](recipe::Recipe& recipe) {
             recipe.weight_decay_mask = recipe::WeightDecayMask::kMatrices;
           },
           [](recipe::Recipe& recipe) { recipe.clip_norm = 0.01; },
           [](recipe::Recipe& recipe) { recipe.schedule.warmup_epochs = 1; },
           [](recipe::Recipe& recipe) { recipe.ema_decay = 0.5; },
           [](recipe::Recipe& recipe) { recipe.frozen = {"*.weight"}; }}) {
    trial::TrialSpec spec = TinyInitSpec();
    change(spec.recipe);
    const RunOutputs changed = RunTrial(spec).value();
    EXPECT_NE(changed.weights, plain.weights);
    EXPECT_EQ(changed.measurement.metrics.at("initial_loss"),
              plain.measurement.metrics.at("initial_loss"));
  }
}

// Without steps that matter, what is measured after training is what was measured before.
TEST_P(RunnerTest, LabelSmoothingIsInTheTrainingsLossAndNotInTheJudgement) {
  trial::TrialSpec spec = TinyInitSpec(1);
  spec.recipe.optimizer =
      recipe::SgdOptions{.learning_rate = 1e-30, .momentum = 0, .weight_decay = 0};
  const trial::Metrics plain = RunTrial(spec).value().measurement.metrics;
  spec.recipe.label_smoothing = 0.5;
  const trial::Metrics smoothed = RunTrial(spec).value().measurement.metrics;
  EXPECT_EQ(smoothed.at("loss"), plain.at("loss"));
  EXPECT_EQ(smoothed.at("accuracy"), plain.at("accuracy"));
  EXPECT_NE(smoothed.at("train_loss"), plain.at("train_loss"));
}

// Nor with statistics that mixed images do not move.
TEST_P(RunnerTest, MixingIsInTheTrainingsLossAndNotInTheJudgement) {
  trial::TrialSpec spec = TinyInitSpec(1);
  spec.recipe.frozen = {"*.mean", "*.variance"};
  spec.recipe.optimizer =
      recipe::SgdOptions{.learning_rate = 1e-30, .momentum = 0, .weight_decay = 0};
  const trial::Metrics plain = RunTrial(spec).value().measurement.metrics;
  spec.recipe.mixup_alpha = 1;
  spec.recipe.cutmix_alpha = 1;
  const trial::Metrics mixed = RunTrial(spec).value().measurement.metrics;
  EXPECT_EQ(mixed.at("loss"), plain.at("loss"));
  EXPECT_EQ(mixed.at("accuracy"), plain.at("accuracy"));
  EXPECT_NE(mixed.at("train_loss"), plain.at("train_loss"));
}

TEST(Bfloat16RunTest, IsOfTheTrainingAndNotOfTheJudgement) {
  if (!engine::cpu::HaveBfloat16()) GTEST_SKIP() << "this processor has no bfloat16";
  const data::Dataset dataset = TinyDataset();
  const data::Normalizer normalizer(dataset);
  engine::cpu::CpuBackend backend({.kernels = engine::testing::AllBfloat16()});
  trial::TrialSpec spec = TinyInitSpec(1);
  spec.recipe.frozen = {"*.mean", "*.variance"};
  spec.recipe.optimizer =
      recipe::SgdOptions{.learning_rate = 1e-30, .momentum = 0, .weight_decay = 0};
  const auto metrics = [&] {
    return runner::Run(backend, {.spec = &spec, .dataset = &dataset, .normalizer = &normalizer}, {})
        .value()
        .measurement.metrics;
  };
  const trial::Metrics plain = metrics();
  spec.recipe.precision = recipe::Precision::kBfloat16;
  const trial::Metrics rounded = metrics();
  EXPECT_EQ(rounded.at("loss"), plain.at("loss"));
  EXPECT_NE(rounded.at("train_loss"), plain.at("train_loss"));
  EXPECT_NEAR(rounded.at("train_loss"), plain.at("train_loss"), 0.01);
}

TEST(Bfloat16RunTest, IsInvalidOnABackendWithoutIt) {
  const data::Dataset dataset = TinyDataset();
  const data::Normalizer normalizer(dataset);
  engine::reference::ReferenceBackend backend;
  trial::TrialSpec spec = TinyInitSpec(1);
  spec.recipe.precision = recipe::Precision::kBfloat16;
  const absl::Status status =
      runner::Run(backend, {.spec = &spec, .dataset = &dataset, .normalizer = &normalizer}, {})
          .status();
  EXPECT_EQ(FailureKindOf(status), FailureKind::kInvalid);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no bfloat16 kernel for layer"));
}

// Weights of 1 or 0 up to rounding: each image with its own label, whichever loss computes it.
TEST_P(RunnerTest, MixupThatHardlyMixesTrainsAsWithoutIt) {
  trial::TrialSpec spec = TinyInitSpec(1);
  spec.recipe.optimizer =
      recipe::SgdOptions{.learning_rate = 1e-30, .momentum = 0, .weight_decay = 0};
  spec.recipe.label_smoothing = 0.1;
  const trial::Metrics plain = RunTrial(spec).value().measurement.metrics;
  spec.recipe.mixup_alpha = 1e-12;
  const trial::Metrics mixed = RunTrial(spec).value().measurement.metrics;
  EXPECT_NEAR(mixed.at("train_loss"), plain.at("train_loss"), 1e-4);
}

TEST_P(RunnerTest, WithoutEpochsNothingIsTrained) {
  TrainParent();
  const RunOutputs outputs = RunTrial(TinyDeriveSpec({}, 0)).value();
  EXPECT_EQ(outputs.weights, parent_);
  EXPECT_THAT(outputs.measurement.metrics, UnorderedElementsAre(Key("accuracy"), Key("loss")));
  EXPECT_EQ(outputs.measurement.preservation_error, 0);
}

TEST_P(RunnerTest, TestSplitIsJudgedOnTestImages) {
  TrainParent();
  trial::TrialSpec spec = TinyDeriveSpec({}, 0);
  const trial::Metrics validation = RunTrial(spec).value().measurement.metrics;
  TaskOf(spec).evaluation_split = trial::Split::kTest;
  EXPECT_NE(RunTrial(spec).value().measurement.metrics.at("loss"), validation.at("loss"));
}

TEST_P(RunnerTest, BrokenTransformationFailsAndNeverTrains) {
  TrainParent();
  // Widens without dividing among the copies: the mutation that a probe must find.
  const ApplyEdit forget_shares = [](const arch::Architecture& parent, const transform::Edit& edit,
                                     std::uint64_t seed) {
    absl::StatusOr<transform::Transformed> transformed = transform::Apply(parent, edit, seed);
    for (transform::ParameterRule& rule : transformed->rules) {
      auto* from_parent = std::get_if<transform::FromParent>(&rule);
      if (from_parent == nullptr) continue;
      for (transform::AxisMap& axis : from_parent->axes) axis.share.clear();
    }
    return transformed;
  };
  int epochs = 0;
  const RunHooks hooks{.on_epoch = [&](const trial::EpochMeasurement&) { ++epochs; }};
  EXPECT_EQ(KindOfRun(TinyDeriveSpec({Widen("conv1", 8)}), hooks, forget_shares),
            FailureKind::kNotPreserved);
  EXPECT_THAT(message_, HasSubstr("expected at most 0.0001"));
  EXPECT_EQ(epochs, 0);
}

TEST_P(RunnerTest, AbsurdLearningRateDiverges) {
  trial::TrialSpec spec = TinyInitSpec(20);
  spec.recipe.optimizer = recipe::SgdOptions{.learning_rate = 1e6, .weight_decay = 1};
  EXPECT_EQ(KindOfRun(spec), FailureKind::kDiverged);
  EXPECT_THAT(message_, ContainsRegex("[0-9]{5}\\.[a-z_]+ is not finite at step [0-9]+"));
}

TEST_P(RunnerTest, StopEndsTheRunBetweenSteps) {
  std::atomic<bool> stop = false;
  int epochs = 0;
  const RunHooks hooks{.on_epoch =
                           [&](const trial::EpochMeasurement&) {
                             ++epochs;
                             stop = true;
                           },
                       .stop = &stop};
  EXPECT_EQ(KindOfRun(TinyInitSpec(1000), hooks), FailureKind::kCancelled);
  EXPECT_EQ(epochs, 1);
}

TEST_P(RunnerTest, ArchitectureThatTheEditsDoNotArriveAtIsInvalid) {
  TrainParent();
  trial::TrialSpec spec = TinyDeriveSpec({Widen("conv1", 6)});
  spec.architecture = TinyArchitecture();
  EXPECT_EQ(KindOfRun(spec), FailureKind::kInvalid);
  EXPECT_THAT(message_, HasSubstr("what the edits arrive at has fingerprint"));
}

TEST_P(RunnerTest, UnexpectedFingerprintIsInvalid) {
  const trial::TrialSpec spec = TinyInitSpec();
  const absl::StatusOr<RunOutputs> outputs =
      runner::Run(*backend_,
                  {.spec = &spec,
                   .dataset = &dataset_,
                   .normalizer = &normalizer_,
                   .expected_fingerprint = TinyArchitecture(4).fingerprint()},
                  {});
  EXPECT_EQ(FailureKindOf(outputs.status()), FailureKind::kInvalid);
}

TEST_P(RunnerTest, ArchitectureThatDoesNotFitTheDataSetIsInvalid) {
  trial::TrialSpec spec = TinyInitSpec();
  spec.architecture = TinyArchitecture(/*classes=*/4);
  EXPECT_EQ(KindOfRun(spec), FailureKind::kInvalid);
  EXPECT_THAT(message_, HasSubstr("there are 4 logits, the data set has 3 classes"));
  spec.architecture = TinyArchitecture(/*classes=*/3, /*edge=*/10);
  EXPECT_EQ(KindOfRun(spec), FailureKind::kInvalid);
  EXPECT_THAT(message_, HasSubstr("takes images of shape [1,10,10], the data set's have [1,8,8]"));
}

TEST_P(RunnerTest, SplitBeyondTheDataSetIsInvalid) {
  trial::TrialSpec spec = TinyInitSpec();
  TaskOf(spec).train_images = 1000;
  EXPECT_EQ(KindOfRun(spec), FailureKind::kInvalid);
  EXPECT_THAT(message_, HasSubstr("task.image_classification.train_images: is 1000"));
}

TEST_P(RunnerTest, BatchesOfOneAreInvalidForABatchNormOverFeatures) {
  trial::TrialSpec spec = TinyInitSpec();
  spec.recipe.batch_size = 1;
  EXPECT_EQ(KindOfRun(spec), FailureKind::kInvalid);
  EXPECT_THAT(message_, HasSubstr("layer bn3 (batch_norm)"));
}

TEST_P(RunnerTest, WeightsThatDoNotFitTheParentAreInvalid) {
  TrainParent();
  parent_.Erase(parent_.begin()->first);
  EXPECT_EQ(KindOfRun(TinyDeriveSpec({Widen("conv1", 6)})), FailureKind::kInvalid);
}

TEST_P(RunnerTest, RunningOutOfMemoryIsAnError) {
  const ApplyEdit exhaust = [](const arch::Architecture&, const transform::Edit&,
                               std::uint64_t) -> absl::StatusOr<transform::Transformed> {
    throw std::bad_alloc();
  };
  TrainParent();
  EXPECT_EQ(KindOfRun(TinyDeriveSpec({Widen("conv1", 6)}), {}, exhaust), FailureKind::kOutOfMemory);
}

// A child of a network that was trained on real images.
TEST(FashionMnistRunTest, ChildStartsWhereItsParentEndedAndGoesBeyondIt) {
  if (access(data::kFashionMnistDirectory, F_OK) != 0) {
    GTEST_SKIP() << "the package dataset-fashion-mnist is not installed";
  }
  const data::Dataset dataset =
      data::ReadIdxFolder(data::kFashionMnistDirectory, data::FashionMnistClassNames()).value();
  const data::Normalizer normalizer(dataset);
  EXPECT_NEAR(normalizer.mean(0), 0.2860, 1e-4);
  EXPECT_NEAR(normalizer.stddev(0), 0.3530, 1e-4);
  engine::cpu::CpuBackend backend;

  const arch::Architecture start = TinyArchitecture(10, 28);
  trial::TrialSpec parent = TinyInitSpec(1);
  parent.architecture = start;
  TaskOf(parent).train_images = 2000;
  TaskOf(parent).validation_images = 1000;
  const RunOutputs trained =
      runner::Run(backend, {.spec = &parent, .dataset = &dataset, .normalizer = &normalizer}, {})
          .value();
  EXPECT_GT(trained.measurement.metrics.at("accuracy"), 0.4);

  trial::TrialSpec child = parent;
  trial::Derive derive{
      .inputs = {{.role = trial::kParentRole,
                  .network = {.architecture = start,
                              .weights = digest::WeightsDigest::Parse(std::string(64, 'a') + "/1")
                                             .value()}}},
      .edits = {Widen("conv1", 8), Widen("conv2", 12), Deepen("conv2", 3), Deepen("fc1")},
      .edit_seed = 9};
  child.architecture = transform::ApplyAll(start, derive.edits, derive.edit_seed).value();
  child.origin = derive;
  child.recipe.epochs = 3;
  child.recipe.optimizer = recipe::SgdOptions{.learning_rate = 0.02};
  const RunOutputs grown = runner::Run(backend,
                                       {.spec = &child,
                                        .dataset = &dataset,
                                        .normalizer = &normalizer,
                                        .parent_weights = &trained.weights},
                                       {})
                               .value();
  EXPECT_LE(*grown.measurement.preservation_error, 1e-5);
  EXPECT_NEAR(grown.measurement.metrics.at("initial_accuracy"),
              trained.measurement.metrics.at("accuracy"), 0.002);
  EXPECT_GT(grown.measurement.metrics.at("accuracy"), trained.measurement.metrics.at("accuracy"));
}

}  // namespace
}  // namespace graft::runner
