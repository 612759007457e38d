#include "services/controller/policy/eas_policy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "gtest/gtest.h"
#include "services/controller/policy/actions.h"
#include "services/controller/policy/reward.h"
#include "services/controller/policy/walk.h"
#include "tests/unit/policy/policy_test_util.h"

namespace graft::policy {
namespace {

constexpr EasOptions kShort = {.widen_actions = 1, .deepen_actions = 2};

class EasPolicyTest : public testing::Test {
 protected:
  EasPolicy Make(const EasOptions& options = kShort) const {
    EasPolicy policy(options, &space_, 7);
    policy.Start(0.5);
    return policy;
  }

  Observation Child(Policy& policy, std::optional<double> value) const {
    return {
        .parent = space_.start(), .actions = Draw(policy, space_.start()).actions, .value = value};
  }

  // log pi of logged actions.
  double LogProbability(const EasPolicy& policy, const std::string& actions) const {
    const auto parsed = ParseActions(actions);
    GRAFT_CHECK_OK(parsed.status());
    const auto walk =
        RepeatWalk(space_, space_.start(),
                   {.widen = kShort.widen_actions, .deepen = kShort.deepen_actions}, *parsed);
    GRAFT_CHECK_OK(walk.status());
    std::vector<float> unused(policy.network().parameters().values().size());
    double sum = 0;
    for (const Step& step : walk->steps) {
      sum += policy.network().AddGradient(step, 0, 0, unused).log_probability;
    }
    return sum;
  }

  const space::PlainSpace space_ = MakeSpace();
};

TEST_F(EasPolicyTest, RewardedActionsBecomeLikelierAndPunishedOnesLessLikely) {
  for (const double value : {0.8, 0.2}) {
    EasPolicy policy = Make();
    const Observation child = Child(policy, value);
    const double before = LogProbability(policy, child.actions);
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(policy.Observe(std::vector<Observation>{child}).ok());
    }
    const double after = LogProbability(policy, child.actions);
    if (value > 0.5) {
      EXPECT_GT(after, before + 0.1);
    } else {
      EXPECT_LT(after, before - 0.1);
    }
  }
}

TEST_F(EasPolicyTest, FailedChildrenAreLeftOut) {
  EasPolicy with = Make(), without = Make();
  const Observation good = Child(with, 0.7);
  const Observation failed = Child(with, std::nullopt);
  const Observation diverged = Child(with, std::numeric_limits<double>::quiet_NaN());
  const Observation bad = Child(with, 0.4);
  for (int i = 0; i < 4; ++i) Child(without, 0.0);
  ASSERT_TRUE(with.Observe(std::vector<Observation>{failed, good, diverged, bad}).ok());
  ASSERT_TRUE(without.Observe(std::vector<Observation>{good, bad}).ok());
  EXPECT_EQ(with.SaveState(), without.SaveState());
  EXPECT_EQ(with.Diagnostics().at("failed"), 2);
}

TEST_F(EasPolicyTest, AnEpisodeWithoutMeasuredChildrenTeachesNothing) {
  EasPolicy policy = Make();
  const Observation failed = Child(policy, std::nullopt);
  const std::string before = policy.SaveState();
  ASSERT_TRUE(policy.Observe(std::vector<Observation>{failed}).ok());
  ASSERT_TRUE(policy.Observe({}).ok());
  EXPECT_EQ(policy.SaveState(), before);
  EXPECT_FALSE(policy.Diagnostics().contains("mean_reward"));
}

TEST_F(EasPolicyTest, AccuracyOfOneStaysFinite) {
  EasPolicy policy = Make();
  for (int episode = 0; episode < 3; ++episode) {
    const std::vector<Observation> children = {Child(policy, 1.0), Child(policy, 0.0)};
    ASSERT_TRUE(policy.Observe(children).ok());
  }
  for (const auto& [name, value] : policy.Diagnostics()) EXPECT_TRUE(std::isfinite(value)) << name;
  for (const float value : policy.network().parameters().values()) {
    ASSERT_TRUE(std::isfinite(value));
  }
}

TEST_F(EasPolicyTest, BaselineFollowsItsOption) {
  EasOptions options = kShort;
  EasPolicy slow = Make(options);
  options.baseline = Baseline::kPublished;
  EasPolicy published = Make(options);
  const Observation child = Child(slow, 0.7);
  ASSERT_TRUE(slow.Observe(std::vector<Observation>{child}).ok());
  ASSERT_TRUE(published.Observe(std::vector<Observation>{child}).ok());
  EXPECT_DOUBLE_EQ(slow.Diagnostics().at("baseline"), Reward(0.5, options.max_accuracy));
  EXPECT_DOUBLE_EQ(published.Diagnostics().at("baseline"),
                   0.95 * Reward(0.7, options.max_accuracy));
  EXPECT_DOUBLE_EQ(slow.Diagnostics().at("mean_reward"), Reward(0.7, options.max_accuracy));

  ASSERT_TRUE(slow.Observe(std::vector<Observation>{child}).ok());
  EXPECT_DOUBLE_EQ(slow.Diagnostics().at("baseline"), 0.95 * Reward(0.5, options.max_accuracy) +
                                                          0.05 * Reward(0.7, options.max_accuracy));
}

// The same on every processor, compiler and level of optimisation. If a change makes this fail,
// searches that were logged before it can no longer be replayed.
TEST_F(EasPolicyTest, StateAfterEpisodesIsKnown) {
  EasPolicy policy = Make();
  for (int episode = 0; episode < 2; ++episode) {
    std::vector<Observation> children;
    for (int i = 0; i < 3; ++i) children.push_back(Child(policy, 0.5 + 0.1 * i));
    ASSERT_TRUE(policy.Observe(children).ok());
  }
  EXPECT_EQ(digest::Sha256(policy.SaveState()).ToHex(),
            "be24cb536207910457aaf4e3bf871930e3d64a5baab09ee455cddfd99726ce6f");
}

TEST_F(EasPolicyTest, DiagnosticsDescribeTheUpdate) {
  EasPolicy policy = Make();
  const std::vector<Observation> children = {Child(policy, 0.6), Child(policy, 0.7)};
  ASSERT_TRUE(policy.Observe(children).ok());
  const auto diagnostics = policy.Diagnostics();
  EXPECT_EQ(diagnostics.at("updates"), 1);
  EXPECT_GT(diagnostics.at("widen_entropy"), 0.5);  // an untrained policy is undecided
  EXPECT_LE(diagnostics.at("widen_entropy"), std::log(2.0));
  EXPECT_GT(diagnostics.at("deepen_entropy"), 0.3);
  EXPECT_GT(diagnostics.at("widen_probability"), 0.2);
  EXPECT_LT(diagnostics.at("widen_probability"), 0.8);
  EXPECT_GT(diagnostics.at("gradient_norm"), 0.0);
}

TEST_F(EasPolicyTest, ActionsThatDoNotFitAreErrorsAndTeachNothing) {
  EasPolicy policy = Make();
  const Observation good = Child(policy, 0.7);
  const std::string before = policy.SaveState();
  // The start network's tokens are conv, pool, conv, pool, conv, pool, conv, pool, fc.
  for (const std::string actions :
       {"", "w:000000000|d:0,0,0", "w:000000000|w:000000000|d:0,0,0", "w:00000000|d:0,0,0|d:0,0,0",
        "w:010000000|d:0,0,0|d:0,0,0", "w:000000000|d:0,1,0|d:0,0,0", "w:000000000|d:4,0,1|d:0,0,0",
        "w:000000000|d:0,0,-|d:0,0,0", "w:000000000|d:0,0,3|d:0,0,0", "w:000000000|d:5,0,0|d:0,0,0",
        "w:000000000|d:-|d:0,0,0", "nonsense"}) {
    const Observation bad = {.parent = space_.start(), .actions = actions, .value = 0.5};
    const absl::Status status = policy.Observe(std::vector<Observation>{good, bad});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << actions;
    EXPECT_NE(status.message().find(absl::StrCat("`", actions, "`")), absl::string_view::npos);
  }
  EXPECT_EQ(policy.SaveState(), before);
}

TEST_F(EasPolicyTest, TheStateOfAnotherSpaceIsRejected) {
  const space::PlainSpace other = MakeSpace({.filters = {4, 8}});
  const absl::Status status = Make().RestoreState(EasPolicy(kShort, &other, 1).SaveState());
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("encoder.embedding"), absl::string_view::npos) << status;
}

TEST_F(EasPolicyTest, InsertionsBeyondTheTenthLayerOfABlockAreOutOfReach) {
  space::StartNetwork start;
  for (int i = 1; i <= 12; ++i) {
    start.layers.push_back({absl::StrCat("conv", i),
                            "convolution",
                            {{"filters", std::int64_t{4}}, {"kernel", std::int64_t{1}}}});
    start.layers.push_back({absl::StrCat("relu", i), "relu"});
  }
  start.layers.push_back({"pool", "global_average_pool"});
  start.layers.push_back({"classifier", "linear", {{"units", std::int64_t{10}}}});
  const space::PlainSpace space = MakeSpace({.start = start});
  EasPolicy policy({.widen_actions = 0, .deepen_actions = 20}, &space, 3);
  const auto actions = ParseActions(Draw(policy, space.start()).actions);
  ASSERT_TRUE(actions.ok());
  int furthest = 0;
  for (const auto& action : actions->deepen) furthest = std::max(furthest, action->position);
  EXPECT_LT(furthest, kMaxPositions);
  EXPECT_GT(furthest, 4);
}

}  // namespace
}  // namespace graft::policy
