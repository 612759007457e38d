#include "common/wire/recipe_wire.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

#include "common/base/field_error.h"
#include "common/digest/canonical.h"
#include "common/recipe/recipe_encoding.h"

namespace graft::wire {
namespace {

std::string Encoded(const recipe::Recipe& recipe) {
  digest::CanonicalEncoder encoder;
  recipe::EncodeRecipe(recipe, encoder);
  return std::move(encoder).Finish().value();
}

TEST(RecipeWireTest, DefaultsAreThoseThatTheProtoNames) {
  const recipe::Recipe recipe = FromProto(v1::Recipe()).value();
  EXPECT_EQ(recipe.epochs, 0);
  EXPECT_EQ(recipe.batch_size, 64);
  EXPECT_EQ(recipe.threads, 1);
  const auto& sgd = std::get<recipe::SgdOptions>(recipe.optimizer);
  EXPECT_EQ(sgd.learning_rate, 0.02);
  EXPECT_EQ(sgd.momentum, 0.9);
  EXPECT_TRUE(sgd.nesterov);
  EXPECT_EQ(sgd.weight_decay, 1e-4);
  EXPECT_EQ(recipe.weight_decay_mask, recipe::WeightDecayMask::kAll);
  EXPECT_EQ(recipe.clip_norm, 0);
  const auto& cosine = std::get<recipe::CosineSchedule>(recipe.schedule.shape);
  EXPECT_EQ(cosine.final_fraction, 0);
  EXPECT_FALSE(cosine.each_step);
  EXPECT_EQ(recipe.schedule.warmup_epochs, 0);
  EXPECT_EQ(recipe.ema_decay, 0);
  EXPECT_TRUE(recipe.frozen.empty());
  EXPECT_EQ(recipe.seed, 0U);
  EXPECT_EQ(recipe.label_smoothing, 0);
  EXPECT_FALSE(recipe.flip);
  EXPECT_EQ(recipe.pad_crop, 0);
  EXPECT_EQ(recipe.cutout, 0);
  EXPECT_EQ(recipe.rand_augment_operations, 0);
  EXPECT_EQ(recipe.rand_augment_magnitude, 9);
  EXPECT_EQ(recipe.mixup_alpha, 0);
  EXPECT_EQ(recipe.cutmix_alpha, 0);
  EXPECT_EQ(recipe.precision, recipe::Precision::kFloat32);
}

TEST(RecipeWireTest, ZeroMomentumAndDecayAreNotTakenForDefaults) {
  v1::Recipe proto;
  proto.mutable_sgd()->set_momentum(0);
  proto.mutable_sgd()->set_weight_decay(0);
  const recipe::Recipe recipe = FromProto(proto).value();
  EXPECT_EQ(std::get<recipe::SgdOptions>(recipe.optimizer).momentum, 0);
  EXPECT_EQ(std::get<recipe::SgdOptions>(recipe.optimizer).weight_decay, 0);
}

TEST(RecipeWireTest, AdamWIsAdamWithDecayApartFromTheGradient) {
  v1::Recipe proto;
  proto.mutable_adam();
  auto adam = std::get<recipe::AdamOptions>(FromProto(proto).value().optimizer);
  EXPECT_FALSE(adam.decoupled);
  EXPECT_EQ(adam.weight_decay, 0);
  proto.mutable_adamw();
  adam = std::get<recipe::AdamOptions>(FromProto(proto).value().optimizer);
  EXPECT_TRUE(adam.decoupled);
  EXPECT_EQ(adam.weight_decay, 0.01);
}

// Everything differs from its default.
TEST(RecipeWireTest, EveryOptimizerAndScheduleSurvivesTheTrip) {
  const std::vector<recipe::OptimizerOptions> optimizers = {
      recipe::SgdOptions{.learning_rate = 1, .momentum = 0.5, .nesterov = false, .weight_decay = 0},
      recipe::AdamOptions{
          .learning_rate = 2, .beta1 = 0.5, .beta2 = 0.6, .epsilon = 0.1, .weight_decay = 0.2},
      recipe::AdamOptions{.learning_rate = 2,
                          .beta1 = 0.5,
                          .beta2 = 0.6,
                          .epsilon = 0.1,
                          .weight_decay = 0,
                          .decoupled = true},
      recipe::LambOptions{
          .learning_rate = 3, .beta1 = 0.1, .beta2 = 0.2, .epsilon = 0.3, .weight_decay = 0.4},
      recipe::AdaDeltaOptions{.learning_rate = 4, .rho = 0.1, .epsilon = 0.2, .weight_decay = 0.3},
      recipe::MuonOptions{.learning_rate = 5,
                          .momentum = 0.1,
                          .iterations = 7,
                          .weight_decay = 0.2,
                          .vector_rate = 0.3}};
  const std::vector<recipe::Schedule> schedules = {
      {.shape = recipe::CosineSchedule{.final_fraction = 0.1, .each_step = true},
       .warmup_epochs = 1.5},
      {.shape = recipe::ConstantSchedule{}},
      {.shape = recipe::StepSchedule{.milestones = {0.1, 0.2, 0.9}, .factor = 0.3}},
      {.shape = recipe::TriangularSchedule{.cycles = 4, .final_fraction = 0.2}},
      {.shape = recipe::PlateauSchedule{.factor = 0.5, .patience = 3, .threshold = 0.01}}};
  for (const recipe::OptimizerOptions& optimizer : optimizers) {
    for (const recipe::Schedule& schedule : schedules) {
      const recipe::Recipe sent{.epochs = 7,
                                .batch_size = 3,
                                .optimizer = optimizer,
                                .weight_decay_mask = recipe::WeightDecayMask::kMatrices,
                                .clip_norm = 2,
                                .schedule = schedule,
                                .ema_decay = 0.99,
                                .frozen = {"*.mean", "00001.*"},
                                .seed = 9,
                                .threads = 2,
                                .label_smoothing = 0.1,
                                .flip = true,
                                .pad_crop = 4,
                                .cutout = 5,
                                .rand_augment_operations = 2,
                                .rand_augment_magnitude = 0,
                                .mixup_alpha = 0.2,
                                .cutmix_alpha = 0.3,
                                .precision = recipe::Precision::kBfloat16};
      const auto arrived = FromProto(ToProto(sent));
      ASSERT_TRUE(arrived.ok()) << arrived.status();
      EXPECT_EQ(Encoded(*arrived), Encoded(sent));
    }
  }
}

struct Fault {
  std::string name;
  void (*apply)(v1::Recipe&);
  std::string field;
};

class RecipeWireFaultTest : public ::testing::TestWithParam<Fault> {};

TEST_P(RecipeWireFaultTest, IsAnErrorAtItsField) {
  v1::Recipe proto;
  GetParam().apply(proto);
  const absl::Status status = FromProto(proto).status();
  ASSERT_EQ(base::FieldViolations(status).size(), 1U) << status;
  EXPECT_EQ(base::FieldViolations(status)[0].field, GetParam().field);
}

INSTANTIATE_TEST_SUITE_P(
    Faults, RecipeWireFaultTest,
    ::testing::Values(
        Fault{"UnknownSchedule",
              [](v1::Recipe& p) { p.set_schedule(static_cast<v1::Schedule>(99)); }, "schedule"},
        Fault{"UnknownMask",
              [](v1::Recipe& p) { p.set_weight_decay_mask(static_cast<v1::WeightDecayMask>(99)); },
              "weight_decay_mask"},
        Fault{"UnknownPrecision",
              [](v1::Recipe& p) { p.set_precision(static_cast<v1::Precision>(99)); }, "precision"},
        Fault{"CyclesOfACosine", [](v1::Recipe& p) { p.mutable_schedule_options()->set_cycles(2); },
              "schedule_options.cycles"},
        Fault{"MilestonesOfAPlateau",
              [](v1::Recipe& p) {
                p.set_schedule(v1::SCHEDULE_PLATEAU);
                p.mutable_schedule_options()->add_milestones(0.5);
              },
              "schedule_options.milestones"},
        Fault{"Operations", [](v1::Recipe& p) { p.set_rand_augment_operations(9); },
              "rand_augment_operations"},
        Fault{"Momentum", [](v1::Recipe& p) { p.mutable_muon()->set_momentum(1); },
              "muon.momentum"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace graft::wire
