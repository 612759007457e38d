// The published noise on a network that was trained on real images: the logits move a little, the
// accuracy does not (the noise row of EAS's invariants).
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/data/idx.h"
#include "common/engine/cpu/cpu_backend.h"
#include "common/runner/runner.h"
#include "common/space/plain_space.h"
#include "tests/unit/runner/testing.h"

namespace graft::runner {
namespace {

constexpr double kExactBound = 1e-4;
constexpr double kNoiseBound = 0.1;
constexpr double kLargestAccuracyDrop = 0.01;

// Fashion-MNIST and the demo's start network, briefly trained on it.
struct Trained {
  Trained()
      : dataset(data::ReadIdxFolder(data::kFashionMnistDirectory, data::FashionMnistClassNames())
                    .value()),
        normalizer(dataset),
        space(
            space::PlainSpace::Create({.noise = true}, dataset.image_shape(), dataset.class_count())
                .value()) {
    spec.architecture = space.start();
    TaskOf(spec).train_images = 6000;
    TaskOf(spec).validation_images = 2000;
    RunOutputs outputs = Run({}).value();
    accuracy = outputs.measurement.metrics.at("accuracy");
    weights = std::move(outputs.weights);
  }

  // Runs `spec` as it is, or a child of the trained network without training it.
  absl::StatusOr<RunOutputs> Run(const std::vector<transform::Edit>& edits,
                                 const ApplyEdit& apply_edit = transform::Apply) {
    trial::TrialSpec trial = spec;
    if (!edits.empty()) {
      trial::Derive derive{.inputs = {{.role = trial::kParentRole,
                                       .network = {.architecture = spec.architecture,
                                                   .weights = digest::WeightsDigest::Parse(
                                                                  std::string(64, 'a') + "/1")
                                                                  .value()}}},
                           .edits = edits};
      derive.edit_seed = trial::DefaultEditSeed(derive.inputs, derive.edits);
      trial.architecture = transform::ApplyAll(spec.architecture, edits, derive.edit_seed).value();
      trial.origin = std::move(derive);
      trial.recipe.epochs = 0;
    }
    return runner::Run(backend,
                       {.spec = &trial,
                        .dataset = &dataset,
                        .normalizer = &normalizer,
                        .parent_weights = &weights,
                        .apply_edit = apply_edit},
                       {});
  }

  engine::cpu::CpuBackend backend;
  data::Dataset dataset;
  data::Normalizer normalizer;
  space::PlainSpace space;
  trial::TrialSpec spec = TinyInitSpec(/*epochs=*/3);
  tensor::NamedTensors weights;
  double accuracy = 0;
};

// Steps as EAS's policies take them.
struct Growth {
  std::string name;
  int wider = 0;                    // times that all layers are widened
  std::vector<std::string> deeper;  // layers that are followed
};

class NoiseTest : public ::testing::TestWithParam<Growth> {
 protected:
  static void SetUpTestSuite() {
    if (access(data::kFashionMnistDirectory, F_OK) == 0) trained_ = new Trained();
  }
  static void TearDownTestSuite() {
    delete trained_;
    trained_ = nullptr;
  }
  void SetUp() override {
    if (trained_ == nullptr) {
      GTEST_SKIP() << "the package dataset-fashion-mnist is not installed";
    }
  }

  static std::vector<transform::Edit> Edits() {
    const space::PlainSpace& space = trained_->space;
    std::vector<transform::Edit> edits;
    arch::Architecture network = space.start();
    const auto append = [&](space::Step step) {
      edits.insert(edits.end(), step.edits.begin(), step.edits.end());
      network = std::move(step.child);
    };
    for (int i = 0; i < GetParam().wider; ++i) {
      append(space.Widen(network, space.WidenMask(space.Analyze(network).value())).value());
    }
    for (const std::string& id : GetParam().deeper) {
      const std::vector<space::LayerView> layers = space.Analyze(network).value().layers;
      const auto layer = std::ranges::find(layers, id, &space::LayerView::id) - layers.begin();
      append(space.Deepen(network, static_cast<int>(layer), /*kernel=*/3).value());
    }
    return edits;
  }

  static Trained* trained_;  // null without the data set
};

Trained* NoiseTest::trained_ = nullptr;

// The edit with a thousand times the published noise.
absl::StatusOr<transform::Transformed> ApplyLoudly(const arch::Architecture& parent,
                                                   const transform::Edit& edit,
                                                   std::uint64_t seed) {
  absl::StatusOr<transform::Transformed> transformed = transform::Apply(parent, edit, seed);
  for (transform::ParameterRule& rule : transformed->rules) {
    if (auto* copy = std::get_if<transform::FromParent>(&rule)) copy->noise.relative_stddev *= 1000;
    if (auto* identity = std::get_if<transform::IdentityWeight>(&rule)) {
      identity->noise.relative_stddev *= 1000;
    }
  }
  return transformed;
}

TEST_P(NoiseTest, PublishedNoiseMovesTheLogitsAndKeepsTheAccuracy) {
  ASSERT_GT(trained_->accuracy, 0.7);
  const absl::StatusOr<RunOutputs> outputs = trained_->Run(Edits());
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  const double error = outputs->measurement.preservation_error.value();
  EXPECT_GT(error, kExactBound);
  EXPECT_LE(error, kNoiseBound);
  EXPECT_GE(outputs->measurement.metrics.at("accuracy"), trained_->accuracy - kLargestAccuracyDrop);
  RecordProperty("relative_error", ::testing::PrintToString(error));
}

TEST_P(NoiseTest, AThousandfoldNoiseIsNotPreserved) {
  const absl::StatusOr<RunOutputs> outputs = trained_->Run(Edits(), ApplyLoudly);
  ASSERT_FALSE(outputs.ok());
  EXPECT_EQ(FailureKindOf(outputs.status()), FailureKind::kNotPreserved) << outputs.status();
}

const std::vector<std::string> kEveryLayer = {"conv1", "conv2", "conv3", "conv4", "fc1"};

INSTANTIATE_TEST_SUITE_P(Growths, NoiseTest,
                         ::testing::Values(Growth{"Wider", 1, {}}, Growth{"Deeper", 0, {"conv2"}},
                                           Growth{"FourWiderFiveDeeper", 4, kEveryLayer}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace graft::runner
