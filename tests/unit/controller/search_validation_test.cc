#include "services/controller/core/search_validation.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "common/base/field_error.h"
#include "tests/unit/controller/fakes.h"

namespace graft::controller {
namespace {

absl::StatusOr<SearchSpec> Complete(SearchSpec spec) {
  const Dataset dataset = FakeDataset();
  return CompleteSearchSpec(std::move(spec), &dataset, nullptr, FakeExplorers());
}

trial::ImageClassification& TaskOf(SearchSpec& spec) {
  return std::get<trial::ImageClassification>(spec.task);
}

TEST(CompleteSearchSpecTest, FillsInWhatTrialsNeed) {
  auto spec = Complete(FakeSpec());
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(TaskOf(*spec).dataset_digest, FakeDataset().digest.ToString());
  EXPECT_EQ(TaskOf(*spec).validation_images, 10);
  EXPECT_EQ(TaskOf(*spec).train_images, 90);
  EXPECT_NE(spec->recipe.seed, 0u);
  EXPECT_EQ(spec->recipe.seed, spec->start_recipe.seed);
}

TEST(CompleteSearchSpecTest, IsTheIdentityOnACompleteSpec) {
  const auto once = Complete(FakeSpec());
  ASSERT_TRUE(once.ok());
  auto twice = Complete(*once);
  ASSERT_TRUE(twice.ok()) << twice.status();
  EXPECT_EQ(twice->recipe.seed, once->recipe.seed);
  EXPECT_EQ(TaskOf(*twice).train_images, 90);
}

TEST(CompleteSearchSpecTest, UnknownDatasetHasAReason) {
  const auto spec = CompleteSearchSpec(FakeSpec(), nullptr, nullptr, FakeExplorers());
  EXPECT_TRUE(absl::IsInvalidArgument(spec.status()));
  EXPECT_EQ(base::ErrorReason(spec.status()), "UNKNOWN_DATASET");
  EXPECT_EQ(base::FieldViolations(spec.status()).at(0).field, "task.image_classification.dataset");
}

TEST(CompleteSearchSpecTest, TellsAllProblemsAtOnce) {
  SearchSpec spec = FakeSpec();
  spec.episodes = 0;
  spec.recipe.epochs = 0;
  EXPECT_EQ(base::FieldViolations(Complete(spec).status()).size(), 2u);
}

struct BadField {
  std::string field;
  std::function<void(SearchSpec&)> spoil;
};

class BadFieldTest : public testing::TestWithParam<BadField> {};

TEST_P(BadFieldTest, IsNamed) {
  SearchSpec spec = FakeSpec();
  GetParam().spoil(spec);
  const auto completed = Complete(spec);
  ASSERT_TRUE(absl::IsInvalidArgument(completed.status())) << completed.status();
  EXPECT_EQ(base::FieldViolations(completed.status()).at(0).field, GetParam().field);
}

INSTANTIATE_TEST_SUITE_P(
    Fields, BadFieldTest,
    testing::Values(
        BadField{"display_name", [](SearchSpec& s) { s.display_name.assign(129, 'x'); }},
        BadField{"labels", [](SearchSpec& s) { s.labels["\xff"] = ""; }},
        BadField{"budget.episodes", [](SearchSpec& s) { s.episodes = -1; }},
        BadField{"budget.children_per_episode", [](SearchSpec& s) { s.children_per_episode = 0; }},
        BadField{"objective.metric", [](SearchSpec& s) { s.objective.metric = "acuracy"; }},
        BadField{"objective.minimize",
                 [](SearchSpec& s) {
                   s.policy = policy::EasOptions();
                   s.objective.minimize = true;
                 }},
        BadField{"policy.parents", [](SearchSpec& s) { s.parents = 0; }},
        BadField{"policy.max_redraws", [](SearchSpec& s) { s.max_redraws = -1; }},
        BadField{"start_recipe.threads", [](SearchSpec& s) { s.recipe.threads = 2; }},
        BadField{"recipe.epochs", [](SearchSpec& s) { s.recipe.epochs = 0; }},
        BadField{"recipe.batch_size", [](SearchSpec& s) { s.recipe.batch_size = 0; }},
        BadField{
            "start_recipe.sgd.momentum",
            [](SearchSpec& s) { s.start_recipe.optimizer = recipe::SgdOptions{.momentum = 1}; }},
        BadField{"task.image_classification.validation_images",
                 [](SearchSpec& s) { TaskOf(s).validation_images = 100; }},
        BadField{"task.image_classification.train_images",
                 [](SearchSpec& s) { TaskOf(s).train_images = 91; }},
        BadField{"task.image_classification.evaluation_split",
                 [](SearchSpec& s) { TaskOf(s).evaluation_split = trial::Split::kTest; }}),
    [](const auto& info) {
      std::string name = info.param.field;
      for (char& c : name) {
        if (c == '.') c = '_';
      }
      return name;
    });

TEST(CompleteSearchSpecTest, EasLearnsFromAccuracyAlone) {
  SearchSpec spec = FakeSpec();
  spec.objective = {.metric = "loss", .minimize = true};
  EXPECT_TRUE(Complete(spec).ok()) << "for the random policy";
  spec.policy = policy::EasOptions();
  const auto completed = Complete(spec);
  ASSERT_TRUE(absl::IsInvalidArgument(completed.status())) << completed.status();
  EXPECT_EQ(base::FieldViolations(completed.status()).at(0).field, "objective.metric");
}

TEST(CompleteSearchSpecTest, EpisodeThatWouldHoldUpTheControllerIsRefused) {
  SearchSpec spec = FakeSpec();
  spec.children_per_episode = 1000;
  spec.max_redraws = 1000;
  const auto completed = Complete(spec);
  ASSERT_TRUE(absl::IsInvalidArgument(completed.status())) << completed.status();
  EXPECT_EQ(base::FieldViolations(completed.status()).at(0).field, "policy.max_redraws");
}

TEST(MakeExplorerTest, ChildWithMoreEditsThanATrialMayHaveIsRefused) {
  SearchSpec spec = FakeSpec();
  spec.space.max_layers = 500;
  Dataset dataset = FakeDataset();
  dataset.image_shape = {1, 28, 28};
  const auto explorer = MakeExplorer(spec, dataset);
  ASSERT_TRUE(absl::IsInvalidArgument(explorer.status())) << explorer.status();
  EXPECT_EQ(base::FieldViolations(explorer.status()).at(0).field, "space.plain.max_layers");
}

TEST(MakeExplorerTest, ImpossibleSpaceNamesItsField) {
  SearchSpec spec = FakeSpec();
  spec.space.filters = {8, 4};
  const auto explorer = MakeExplorer(spec, FakeDataset());
  ASSERT_TRUE(absl::IsInvalidArgument(explorer.status())) << explorer.status();
  EXPECT_EQ(base::FieldViolations(explorer.status()).at(0).field.find("space.plain.filters"), 0u);
}

}  // namespace
}  // namespace graft::controller
