#include "common/trial/trial_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>

#include "common/base/field_error.h"
#include "tests/unit/trial/testing.h"

namespace graft::trial {
namespace {

TEST(TrialSpecTest, DefaultsAreValid) {
  EXPECT_TRUE(Validate(InitSpec()).ok()) << Validate(InitSpec());
  EXPECT_TRUE(Validate(DeriveSpec()).ok()) << Validate(DeriveSpec());
}

TEST(TrialSpecTest, TaskMayLackItsDigestUntilItIsPartOfATrial) {
  TrialSpec spec = InitSpec();
  TaskOf(spec).dataset_digest.clear();
  EXPECT_TRUE(Validate(TaskOf(spec)).ok());
  EXPECT_FALSE(Validate(spec).ok());
}

TEST(TrialSpecTest, EditSeedDependsOnParentAndEdits) {
  const auto derive = std::get<Derive>(DeriveSpec().origin);
  Derive other = derive;
  other.inputs[0].network.weights = SmallWeights("ef");
  EXPECT_NE(DefaultEditSeed(derive.inputs, derive.edits),
            DefaultEditSeed(other.inputs, other.edits));
  other = derive;
  other.edits.clear();
  EXPECT_NE(DefaultEditSeed(derive.inputs, derive.edits),
            DefaultEditSeed(other.inputs, other.edits));
}

// A spec that breaks one rule, and the field that the error names.
struct Fault {
  std::string name;
  std::function<void(TrialSpec&)> apply;
  std::string field;
};

class TrialSpecFaultTest : public ::testing::TestWithParam<Fault> {};

TEST_P(TrialSpecFaultTest, IsAnErrorAtItsField) {
  TrialSpec spec = DeriveSpec();
  GetParam().apply(spec);
  const absl::Status status = Validate(spec);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  ASSERT_EQ(base::FieldViolations(status).size(), 1U) << status;
  EXPECT_EQ(base::FieldViolations(status)[0].field, GetParam().field);
}

Derive& DeriveOf(TrialSpec& spec) { return std::get<Derive>(spec.origin); }

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

INSTANTIATE_TEST_SUITE_P(
    EveryRule, TrialSpecFaultTest,
    ::testing::Values(
        Fault{"MomentumOfOne", [](TrialSpec& s) { SgdOf(s).momentum = 1; }, "recipe.sgd.momentum"},
        Fault{"BadDigest", [](TrialSpec& s) { TaskOf(s).dataset_digest = "x"; },
              "task.image_classification.dataset_digest"},
        Fault{"NoDigest", [](TrialSpec& s) { TaskOf(s).dataset_digest = ""; },
              "task.image_classification.dataset_digest"},
        Fault{"NegativeTrainImages", [](TrialSpec& s) { TaskOf(s).train_images = -1; },
              "task.image_classification.train_images"},
        Fault{"NegativeValidationImages", [](TrialSpec& s) { TaskOf(s).validation_images = -1; },
              "task.image_classification.validation_images"},
        Fault{"TrainingJudgedOnTest",
              [](TrialSpec& s) { TaskOf(s).evaluation_split = Split::kTest; },
              "task.image_classification.evaluation_split"},
        Fault{"NoParent", [](TrialSpec& s) { DeriveOf(s).inputs.clear(); }, "origin.derive.inputs"},
        Fault{"TwoParents",
              [](TrialSpec& s) { DeriveOf(s).inputs.push_back(DeriveOf(s).inputs[0]); },
              "origin.derive.inputs"},
        Fault{"UnknownRole", [](TrialSpec& s) { DeriveOf(s).inputs[0].role = "uncle"; },
              "origin.derive.inputs[0].role"},
        Fault{"NanInEdit", [](TrialSpec& s) { DeriveOf(s).edits[1].attributes["x"] = kNan; },
              "origin.derive.edits[1]"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace graft::trial
