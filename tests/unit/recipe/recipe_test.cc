#include "common/recipe/recipe.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>

#include "common/base/field_error.h"

namespace graft::recipe {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(RecipeTest, DefaultsOfEveryOptimizerAndScheduleAreValid) {
  const auto expect_valid = [](const Recipe& recipe) {
    EXPECT_TRUE(Validate(recipe).ok()) << Validate(recipe);
  };
  for (const OptimizerOptions& optimizer :
       {OptimizerOptions(SgdOptions{}), OptimizerOptions(AdamOptions{}),
        OptimizerOptions(LambOptions{}), OptimizerOptions(AdaDeltaOptions{}),
        OptimizerOptions(MuonOptions{})}) {
    expect_valid({.optimizer = optimizer});
  }
  expect_valid({.schedule = {.shape = CosineSchedule{}}});
  expect_valid({.schedule = {.shape = ConstantSchedule{}}});
  expect_valid({.schedule = {.shape = StepSchedule{}}});
  expect_valid({.schedule = {.shape = TriangularSchedule{}}});
  expect_valid({.schedule = {.shape = PlateauSchedule{}}});
}

struct Fault {
  std::string name;
  std::function<void(Recipe&)> apply;
  std::string field;
};

class RecipeFaultTest : public ::testing::TestWithParam<Fault> {};

TEST_P(RecipeFaultTest, IsAnErrorAtItsField) {
  Recipe recipe;
  GetParam().apply(recipe);
  const absl::Status status = Validate(recipe);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  ASSERT_EQ(base::FieldViolations(status).size(), 1U) << status;
  EXPECT_EQ(base::FieldViolations(status)[0].field, GetParam().field);
}

INSTANTIATE_TEST_SUITE_P(
    EveryRule, RecipeFaultTest,
    ::testing::Values(
        Fault{"NegativeEpochs", [](Recipe& r) { r.epochs = -1; }, "epochs"},
        Fault{"NoBatch", [](Recipe& r) { r.batch_size = 0; }, "batch_size"},
        Fault{"NoThreads", [](Recipe& r) { r.threads = 0; }, "threads"},
        Fault{"NanRate", [](Recipe& r) { r.optimizer = SgdOptions{.learning_rate = kNan}; },
              "sgd.learning_rate"},
        Fault{"NegativeRate", [](Recipe& r) { r.optimizer = LambOptions{.learning_rate = -1}; },
              "lamb.learning_rate"},
        Fault{"MomentumOfOne", [](Recipe& r) { r.optimizer = SgdOptions{.momentum = 1}; },
              "sgd.momentum"},
        Fault{"NegativeDecay", [](Recipe& r) { r.optimizer = MuonOptions{.weight_decay = -1e-9}; },
              "muon.weight_decay"},
        Fault{"Beta", [](Recipe& r) { r.optimizer = AdamOptions{.beta2 = 1}; }, "adam.beta2"},
        Fault{"NoEpsilon",
              [](Recipe& r) { r.optimizer = AdamOptions{.epsilon = 0, .decoupled = true}; },
              "adamw.epsilon"},
        Fault{"Rho", [](Recipe& r) { r.optimizer = AdaDeltaOptions{.rho = -0.1}; },
              "ada_delta.rho"},
        Fault{"NoIterations", [](Recipe& r) { r.optimizer = MuonOptions{.iterations = 0}; },
              "muon.iterations"},
        Fault{"NegativeSmoothing", [](Recipe& r) { r.label_smoothing = -0.1; }, "label_smoothing"},
        Fault{"SmoothingOfOne", [](Recipe& r) { r.label_smoothing = 1; }, "label_smoothing"},
        Fault{"NanSmoothing", [](Recipe& r) { r.label_smoothing = kNan; }, "label_smoothing"},
        Fault{"NegativePadCrop", [](Recipe& r) { r.pad_crop = -1; }, "pad_crop"},
        Fault{"WidePadCrop", [](Recipe& r) { r.pad_crop = 17; }, "pad_crop"},
        Fault{"NegativeCutout", [](Recipe& r) { r.cutout = -1; }, "cutout"},
        Fault{"WideCutout", [](Recipe& r) { r.cutout = 4'097; }, "cutout"},
        Fault{"NegativeOperations", [](Recipe& r) { r.rand_augment_operations = -1; },
              "rand_augment_operations"},
        Fault{"ManyOperations", [](Recipe& r) { r.rand_augment_operations = 9; },
              "rand_augment_operations"},
        Fault{"NegativeMagnitude", [](Recipe& r) { r.rand_augment_magnitude = -1; },
              "rand_augment_magnitude"},
        Fault{"LargeMagnitude", [](Recipe& r) { r.rand_augment_magnitude = 31; },
              "rand_augment_magnitude"},
        Fault{"NegativeMixup", [](Recipe& r) { r.mixup_alpha = -0.1; }, "mixup_alpha"},
        Fault{"NanMixup", [](Recipe& r) { r.mixup_alpha = kNan; }, "mixup_alpha"},
        Fault{"LargeCutmix", [](Recipe& r) { r.cutmix_alpha = 1'001; }, "cutmix_alpha"},
        Fault{"NegativeClip", [](Recipe& r) { r.clip_norm = -1; }, "clip_norm"},
        Fault{"AverageOfOne", [](Recipe& r) { r.ema_decay = 1; }, "ema_decay"},
        Fault{"EmptyPattern",
              [](Recipe& r) {
                r.frozen = {"*", ""};
              },
              "frozen[1]"},
        Fault{"TooManyPatterns", [](Recipe& r) { r.frozen.assign(1'001, "*"); }, "frozen"},
        Fault{"NegativeWarmup", [](Recipe& r) { r.schedule.warmup_epochs = -1; },
              "schedule_options.warmup_epochs"},
        Fault{"FinalFraction",
              [](Recipe& r) { r.schedule.shape = CosineSchedule{.final_fraction = 1.5}; },
              "schedule_options.final_fraction"},
        Fault{"NoMilestones", [](Recipe& r) { r.schedule.shape = StepSchedule{.milestones = {}}; },
              "schedule_options.milestones"},
        Fault{"MilestonesOutOfOrder",
              [](Recipe& r) { r.schedule.shape = StepSchedule{.milestones = {0.5, 0.5}}; },
              "schedule_options.milestones"},
        Fault{"MilestoneBeyondTheEnd",
              [](Recipe& r) { r.schedule.shape = StepSchedule{.milestones = {0.5, 1}}; },
              "schedule_options.milestones"},
        Fault{"GrowingFactor", [](Recipe& r) { r.schedule.shape = PlateauSchedule{.factor = 2}; },
              "schedule_options.factor"},
        Fault{"NoCycles", [](Recipe& r) { r.schedule.shape = TriangularSchedule{.cycles = 0}; },
              "schedule_options.cycles"},
        Fault{"WarmupOfATriangle",
              [](Recipe& r) { r.schedule = {.shape = TriangularSchedule{}, .warmup_epochs = 1}; },
              "schedule_options.warmup_epochs"},
        Fault{"Patience", [](Recipe& r) { r.schedule.shape = PlateauSchedule{.patience = -1}; },
              "schedule_options.patience"},
        Fault{"Threshold", [](Recipe& r) { r.schedule.shape = PlateauSchedule{.threshold = 1}; },
              "schedule_options.threshold"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace graft::recipe
