// The invariant table of EAS (published recipe: no noise unless said; bounds are relative to the
// largest parent logit), on the demo's start network and on the published plain one, by each
// backend.
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "common/engine/cpu/cpu_backend.h"
#include "tests/unit/transform/test_network.h"

namespace graft::transform {
namespace {

using engine::Mode;
using testing::Deepen;
using testing::TestNetwork;
using testing::Widen;

constexpr double kExactBound = 1e-4;
constexpr double kWidenTrainingBound = 1e-3;
constexpr double kDeepenTrainingBound = 0.1;
constexpr double kNoiseBound = 0.1;

struct StartCase {
  std::string name;
  arch::Architecture (*make)();
  int images;
};

class PreservationTest : public ::testing::TestWithParam<std::tuple<StartCase, engine::Backend*>> {
 protected:
  PreservationTest()
      : start_(std::get<0>(GetParam())),
        backend_(*std::get<1>(GetParam())),
        calibration_(testing::RandomImages(start_.make(), start_.images, 1)),
        probe_(testing::RandomImages(start_.make(), start_.images, 2)),
        parent_(testing::Settle(start_.make(), calibration_, 3)) {}

  double Error(const std::vector<Edit>& edits, Mode mode = Mode::kInference) {
    return ErrorOf(
        testing::Derive(parent_, edits, /*edit_seed=*/11, calibration_, backend_).network, mode);
  }

  // Of the child of an edit whose rules were tampered with.
  double MutantError(const Transformed& mutant, Mode mode = Mode::kInference) {
    return ErrorOf(testing::Inherit(parent_, mutant, 0, calibration_, backend_), mode);
  }

  // Every hidden layer half as wide again.
  std::vector<Edit> WidenAll(const std::string& split = "uneven", bool noise = false) {
    std::vector<Edit> edits;
    for (const char* id : {"conv1", "conv2", "conv3", "conv4", "fc1"}) {
      const std::int64_t width =
          parent_.architecture.node(*parent_.architecture.FindNode(id)).type.shape.dim(0);
      edits.push_back(Widen(id, width * 3 / 2, split, noise));
    }
    return edits;
  }

  const StartCase start_;
  engine::Backend& backend_;
  const tensor::Tensor calibration_;
  const tensor::Tensor probe_;
  const TestNetwork parent_;

 private:
  double ErrorOf(const TestNetwork& child, Mode mode) {
    const double error =
        testing::RelativeDifference(testing::Logits(parent_, probe_, mode, backend_),
                                    testing::Logits(child, probe_, mode, backend_));
    RecordProperty("relative_error", ::testing::PrintToString(error));
    return error;
  }
};

TEST_P(PreservationTest, WidenedLayersKeepTheFunction) {
  EXPECT_LE(Error(WidenAll("uneven")), kExactBound);
  EXPECT_LE(Error(WidenAll("even")), kExactBound);
}

TEST_P(PreservationTest, WidenedLayersKeepTheTrainingForwardPass) {
  EXPECT_LE(Error(WidenAll(), Mode::kTraining), kWidenTrainingBound);
}

TEST_P(PreservationTest, DeepenedLayersKeepTheFunctionWithEveryKernel) {
  for (const int kernel : {1, 3, 5}) {
    EXPECT_LE(Error({Deepen("conv1", kernel)}), kExactBound) << kernel;
    EXPECT_LE(Error({Deepen("conv3", kernel)}), kExactBound) << kernel;
  }
  EXPECT_LE(Error({Deepen("fc1", 0)}), kExactBound);
}

TEST_P(PreservationTest, DeepenedLayersStayCloseInTheTrainingForwardPass) {
  const double error = Error({Deepen("conv2", 3)}, Mode::kTraining);
  EXPECT_LE(error, kDeepenTrainingBound);
  // It is an identity in inference alone: the batch's statistics are not those of the calibration.
  EXPECT_GT(error, kExactBound);
}

TEST_P(PreservationTest, FourWideningAndFiveDeepeningStepsKeepTheFunction) {
  std::vector<Edit> edits = WidenAll();
  edits.pop_back();
  for (const char* id : {"conv1", "conv2", "conv2_deeper1", "conv4"}) {
    edits.push_back(Deepen(id, 3));
  }
  edits.push_back(Deepen("fc1", 0));
  ASSERT_EQ(edits.size(), 9U);
  EXPECT_LE(Error(edits), kExactBound);
}

TEST_P(PreservationTest, PublishedNoiseStaysWithinTheLossyBound) {
  std::vector<Edit> edits = WidenAll("even", /*noise=*/true);
  edits.push_back(Deepen("conv2", 3, /*noise=*/true));
  edits.push_back(Deepen("fc1", 0, /*noise=*/true));
  const double error = Error(edits);
  EXPECT_LE(error, kNoiseBound);
  EXPECT_GT(error, kExactBound);
}

// Mutation: a widening whose consumer is not divided among the copies must be caught by the bound.
TEST_P(PreservationTest, MissingDivisorIsCaught) {
  auto mutant = Apply(parent_.architecture, WidenAll()[1], EditSeed(11, 0));
  ASSERT_TRUE(mutant.ok()) << mutant.status();
  int dropped = 0;
  for (ParameterRule& rule : mutant->rules) {
    for (AxisMap& axis : std::get<FromParent>(rule).axes) {
      dropped += axis.share.empty() ? 0 : 1;
      axis.share.clear();
    }
  }
  EXPECT_EQ(dropped, 1);
  EXPECT_GT(MutantError(*mutant), 1000 * kExactBound);
}

// Mutation: batch norm as a library initialises it is nearly an identity in inference, but the
// first step of training normalises and rectifies what the parent learned.
TEST_P(PreservationTest, CalibrationIsWhatKeepsTrainingClose) {
  auto mutant = Apply(parent_.architecture, Deepen("conv2", 3), EditSeed(11, 0));
  ASSERT_TRUE(mutant.ok()) << mutant.status();
  for (ParameterRule& rule : mutant->rules) {
    const auto* statistic = std::get_if<Statistic>(&rule);
    if (statistic == nullptr) continue;
    const bool zero = statistic->kind == Statistic::Kind::kMean;
    rule = Constant{zero ? 0.0F : 1.0F};
  }
  EXPECT_GT(MutantError(*mutant, Mode::kTraining), kDeepenTrainingBound);
}

// A depthwise convolution, a gate over channels, a scale that is learnt, tokens.
arch::Architecture MobileStart() {
  const auto layer = [](std::string id, std::string op, arch::Attributes attributes = {},
                        std::vector<std::string> operands = {}) {
    return arch::LayerDef{std::move(id), std::move(op), std::move(attributes), std::move(operands)};
  };
  const auto integer = [](std::int64_t value) { return arch::AttributeValue(value); };
  return testing::MakeArchitecture(
      {layer("expand", "convolution", {{"filters", integer(6)}, {"kernel", integer(1)}}),
       layer("bn1", "batch_norm"), layer("act1", "hard_swish"),
       layer("depthwise", "convolution",
             {{"filters", integer(6)},
              {"kernel", integer(3)},
              {"groups", integer(6)},
              {"bias", true}}),
       layer("act2", "silu"), layer("squeeze", "global_average_pool"),
       layer("reduce", "linear", {{"units", integer(3)}}), layer("act3", "gelu"),
       layer("excite", "linear", {{"units", integer(6)}}), layer("gate", "sigmoid"),
       layer("gamma", "parameter",
             {{"name", std::string("gamma")},
              {"shape", std::vector<std::int64_t>{6}},
              {"initializer", std::string("ones")}}),
       layer("scaled", "multiply", {}, {"act2", "gate", "gamma"}),
       layer("tokens", "tokens", {}, {"scaled"}), layer("mix", "linear", {{"units", integer(5)}}),
       layer("act4", "tanh"),
       layer("map", "feature_map", {{"height", integer(7)}, {"width", integer(7)}}),
       layer("pool", "global_average_pool"),
       layer("classifier", "linear", {{"units", integer(4)}})},
      {1, 7, 7});
}

class MobilePreservationTest : public ::testing::TestWithParam<engine::Backend*> {};

TEST_P(MobilePreservationTest, WidenedLayersKeepTheFunction) {
  const tensor::Tensor calibration = testing::RandomImages(MobileStart(), 16, 1);
  const tensor::Tensor probe = testing::RandomImages(MobileStart(), 16, 2);
  const TestNetwork parent = testing::Settle(MobileStart(), calibration, 3);
  const std::vector<Edit> edits = {Widen("expand", 9), Widen("reduce", 5), Widen("mix", 8)};
  const TestNetwork child =
      testing::Derive(parent, edits, /*edit_seed=*/11, calibration, *GetParam()).network;
  const arch::Node& depthwise = child.architecture.node(*child.architecture.FindNode("depthwise"));
  EXPECT_EQ(depthwise.type.shape.dim(0), 9);
  EXPECT_LE(
      testing::RelativeDifference(testing::Logits(parent, probe, Mode::kInference, *GetParam()),
                                  testing::Logits(child, probe, Mode::kInference, *GetParam())),
      kExactBound);
}

engine::cpu::CpuBackend cpu_backend;
INSTANTIATE_TEST_SUITE_P(Backends, MobilePreservationTest,
                         ::testing::Values<engine::Backend*>(&testing::ReferenceBackend(),
                                                             &cpu_backend),
                         [](const auto& info) { return info.param->name(); });
INSTANTIATE_TEST_SUITE_P(
    StartNetworks, PreservationTest,
    ::testing::Combine(::testing::Values(StartCase{"Demo", testing::DemoStart, 32},
                                         StartCase{"Eas", testing::EasStart, 8}),
                       ::testing::Values<engine::Backend*>(&testing::ReferenceBackend(),
                                                           &cpu_backend)),
    [](const auto& info) {
      return std::get<0>(info.param).name + "_" + std::get<1>(info.param)->name();
    });

}  // namespace
}  // namespace graft::transform
