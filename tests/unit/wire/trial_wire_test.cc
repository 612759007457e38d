#include "common/wire/trial_wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <variant>

#include "common/base/field_error.h"
#include "common/trial/trial_key.h"
#include "common/wire/outcome_wire.h"
#include "common/wire/time_wire.h"
#include "tests/unit/trial/testing.h"

namespace graft::wire {
namespace {

std::string FieldOf(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const auto violations = base::FieldViolations(status);
  return violations.empty() ? "none: " + status.ToString() : violations[0].field;
}

TEST(TrialWireTest, TrialsKeepTheirKeyOnTheWay) {
  for (const trial::TrialSpec& spec : {trial::InitSpec(), trial::DeriveSpec()}) {
    const trial::TrialSpec arrived = FromProto(ToProto(spec)).value();
    EXPECT_EQ(trial::EncodeTrial(arrived), trial::EncodeTrial(spec));
    EXPECT_EQ(trial::TaskOf(const_cast<trial::TrialSpec&>(arrived)).dataset, "small");
  }
}

TEST(TrialWireTest, MissingEditSeedBecomesTheHashOfParentsAndEdits) {
  v1::TrialSpec proto = ToProto(trial::DeriveSpec());
  proto.mutable_origin()->mutable_derive()->set_edit_seed(0);
  const trial::TrialSpec spec = FromProto(proto).value();
  const auto& derive = std::get<trial::Derive>(spec.origin);
  EXPECT_EQ(derive.edit_seed, trial::DefaultEditSeed(derive.inputs, derive.edits));
}

struct Fault {
  std::string name;
  std::function<void(v1::TrialSpec&)> apply;
  std::string field;
};

class TrialWireFaultTest : public ::testing::TestWithParam<Fault> {};

TEST_P(TrialWireFaultTest, IsAnErrorAtItsField) {
  v1::TrialSpec proto = ToProto(trial::DeriveSpec());
  GetParam().apply(proto);
  EXPECT_EQ(FieldOf(FromProto(proto).status()), GetParam().field);
}

INSTANTIATE_TEST_SUITE_P(
    Faults, TrialWireFaultTest,
    ::testing::Values(
        Fault{"Operator",
              [](v1::TrialSpec& p) { p.mutable_architecture()->mutable_layers(1)->set_op("x"); },
              "architecture.layers[1].op"},
        Fault{"NoOrigin", [](v1::TrialSpec& p) { p.clear_origin(); }, "origin"},
        Fault{"Weights",
              [](v1::TrialSpec& p) {
                p.mutable_origin()
                    ->mutable_derive()
                    ->mutable_inputs(0)
                    ->mutable_network()
                    ->set_weights("x");
              },
              "origin.derive.inputs[0].network.weights"},
        Fault{"Edit",
              [](v1::TrialSpec& p) {
                p.mutable_origin()->mutable_derive()->mutable_edits(1)->set_transformation("x");
              },
              "origin.derive.edits[1].transformation"},
        Fault{"TooManyInputs",
              [](v1::TrialSpec& p) {
                for (int i = 0; i < 20; ++i) p.mutable_origin()->mutable_derive()->add_inputs();
              },
              "origin.derive.inputs"},
        Fault{"NoTask", [](v1::TrialSpec& p) { p.clear_task(); }, "task.image_classification"},
        Fault{"NoDigest",
              [](v1::TrialSpec& p) {
                p.mutable_task()->mutable_image_classification()->clear_dataset_digest();
              },
              "task.image_classification.dataset_digest"},
        Fault{"UnknownSplit",
              [](v1::TrialSpec& p) {
                p.mutable_task()->mutable_image_classification()->set_evaluation_split(
                    static_cast<v1::Split>(99));
              },
              "task.image_classification.evaluation_split"},
        Fault{"Batch", [](v1::TrialSpec& p) { p.mutable_recipe()->set_batch_size(-1); },
              "recipe.batch_size"}),
    [](const auto& info) { return info.param.name; });

trial::TrialResult Result() {
  return {.measurement = {.metrics = {{"accuracy", 0.5}, {"loss", 1.25}},
                          .epochs = {{.epoch = 1, .metrics = {{"loss", 2}}}},
                          .cost = {.parameters = 1,
                                   .macs = 2,
                                   .activation_bytes = 3,
                                   .wall_time = absl::Milliseconds(1500),
                                   .device_time = absl::Seconds(1),
                                   .data_wait = absl::Milliseconds(7),
                                   .images_per_second = 4.5,
                                   .bytes_moved = 5},
                          .preservation_error = 1e-6},
          .weights = trial::SmallWeights(),
          .calibration_statistics = trial::SmallWeights("cd")};
}

TEST(OutcomeWireTest, ResultsArriveAsTheyWereSent) {
  const v1::TrialResult sent = ToProto(Result());
  const trial::TrialResult arrived = FromProto(sent).value();
  EXPECT_EQ(arrived.measurement.metrics, Result().measurement.metrics);
  EXPECT_EQ(arrived.measurement.epochs.size(), 1U);
  EXPECT_EQ(arrived.measurement.cost.wall_time, absl::Milliseconds(1500));
  EXPECT_EQ(arrived.measurement.cost.data_wait, absl::Milliseconds(7));
  EXPECT_EQ(arrived.measurement.preservation_error, 1e-6);
  EXPECT_EQ(arrived.weights, trial::SmallWeights());
  EXPECT_EQ(arrived.calibration_statistics, trial::SmallWeights("cd"));
}

TEST(OutcomeWireTest, AbsentValuesStayAbsent) {
  trial::TrialResult result = Result();
  result.calibration_statistics.reset();
  result.measurement.preservation_error.reset();
  const trial::TrialResult arrived = FromProto(ToProto(result)).value();
  EXPECT_FALSE(arrived.calibration_statistics.has_value());
  EXPECT_FALSE(arrived.measurement.preservation_error.has_value());
}

TEST(OutcomeWireTest, NumbersThatAreNotFiniteAreRefused) {
  v1::TrialResult proto = ToProto(Result());
  (*proto.mutable_measurement()->mutable_metrics())["loss"] =
      std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(FieldOf(FromProto(proto).status()), "measurement.metrics.loss");
  proto = ToProto(Result());
  proto.mutable_measurement()->mutable_cost()->set_parameters(-1);
  EXPECT_EQ(FieldOf(FromProto(proto).status()), "measurement.cost");
  proto = ToProto(Result());
  proto.set_weights("x");
  EXPECT_EQ(FieldOf(FromProto(proto).status()), "weights");
}

TEST(OutcomeWireTest, EveryFailureReasonArrives) {
  using trial::FailureReason;
  for (const FailureReason reason :
       {FailureReason::kInvalid, FailureReason::kNotPreserved, FailureReason::kDiverged,
        FailureReason::kOutOfMemory, FailureReason::kCrashed, FailureReason::kLost,
        FailureReason::kPreempted, FailureReason::kInputMissing, FailureReason::kInternal,
        FailureReason::kResourceExhausted}) {
    const trial::Failure failure{.reason = reason, .message = "why"};
    EXPECT_EQ(FromProto(ToProto(failure)), failure);
  }
}

TEST(OutcomeWireTest, MessagesOfFailuresAreCutToValidText) {
  const std::string umlauts = [] {
    std::string text = "x";
    for (int i = 0; i < 4000; ++i) text += "\xc3\xa4";
    return text;
  }();
  const v1::Failure cut = ToProto(trial::Failure{.message = umlauts});
  EXPECT_EQ(cut.message(), umlauts.substr(0, 4095));
  EXPECT_EQ(ToProto(trial::Failure{.message = "a\xff"}).message(), "a?");
}

TEST(TimeWireTest, DurationsArriveAsTheyWereSent) {
  for (const absl::Duration duration :
       {absl::ZeroDuration(), absl::Milliseconds(1500), absl::Milliseconds(-1500),
        absl::Nanoseconds(1), absl::Hours(1000)}) {
    EXPECT_EQ(FromProto(ToProto(duration)).value(), duration);
  }
}

TEST(TimeWireTest, WhatIsNoDurationIsRefused) {
  google::protobuf::Duration proto;
  proto.set_seconds(1);
  proto.set_nanos(-1);
  EXPECT_FALSE(FromProto(proto).ok());
  proto.set_nanos(2'000'000'000);
  EXPECT_FALSE(FromProto(proto).ok());
  EXPECT_EQ(ToProto(absl::InfiniteDuration()).seconds(), 315'576'000'000);
}

}  // namespace
}  // namespace graft::wire
