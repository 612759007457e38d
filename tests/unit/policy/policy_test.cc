// What every policy promises.
#include "services/controller/policy/policy.h"

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/field_error.h"
#include "common/digest/canonical.h"
#include "common/digest/sha256.h"
#include "gtest/gtest.h"
#include "services/controller/policy/actions.h"
#include "services/controller/policy/eas_network.h"
#include "services/controller/policy/policy_options.h"
#include "services/controller/policy/walk.h"
#include "tests/unit/policy/policy_test_util.h"

namespace graft::policy {
namespace {

struct Kind {
  std::string name;
  PolicyOptions options;
};

std::vector<Kind> Kinds() {
  return {{"random", RandomOptions{.widen_actions = 2, .deepen_actions = 3}},
          {"eas", EasOptions{.widen_actions = 2, .deepen_actions = 3}},
          {"eas_published_baseline",
           EasOptions{.widen_actions = 2, .deepen_actions = 3, .baseline = Baseline::kPublished}}};
}

class PolicyTest : public testing::TestWithParam<Kind> {
 protected:
  std::unique_ptr<Policy> Make(const space::SearchSpace& space, std::uint64_t seed = 7) const {
    return MakePolicy(GetParam().options, &space, seed);
  }

  // Proposes `children` and observes made-up values of them; returns their actions.
  static std::vector<std::string> RunEpisode(Policy& policy, const space::SearchSpace& space,
                                             int children) {
    std::vector<Observation> episode;
    for (int i = 0; i < children; ++i) {
      const Proposal proposal = Draw(policy, space.start());
      const auto parameters = ChildOf(space.start(), proposal).cost().parameters;
      episode.push_back({.parent = space.start(),
                         .actions = proposal.actions,
                         .value = static_cast<double>(parameters % 1000) / 1000.0});
    }
    EXPECT_TRUE(policy.Observe(episode).ok());
    std::vector<std::string> actions;
    for (const Observation& observation : episode) actions.push_back(observation.actions);
    return actions;
  }

  const space::PlainSpace space_ = MakeSpace();
};

TEST_P(PolicyTest, ProposalsLeadToNetworksOfTheSpaceWithinItsLimits) {
  const space::PlainSpace space = MakeSpace({.max_macs = 500'000, .max_layers = 7});
  const auto policy = Make(space);
  for (int i = 0; i < 40; ++i) {
    const arch::Architecture child = ChildOf(space.start(), Draw(*policy, space.start()));
    const space::NetworkView view = ViewOf(space, child);
    EXPECT_LE(view.macs, 500'000);
    EXPECT_LE(view.hidden_layers, 7);
  }
}

TEST_P(PolicyTest, ActionsSayWhichEditsWereMade) {
  const auto policy = Make(space_);
  const Proposal proposal = Draw(*policy, space_.start());
  const auto actions = ParseActions(proposal.actions);
  ASSERT_TRUE(actions.ok()) << actions.status();
  const auto walk = RepeatWalk(space_, space_.start(), {.widen = 2, .deepen = 3}, *actions);
  ASSERT_TRUE(walk.ok()) << walk.status();
  EXPECT_EQ(walk->edits, proposal.edits);
}

TEST_P(PolicyTest, EqualSeedsAndMeasurementsGiveEqualProposalsAndStates) {
  const auto a = Make(space_), b = Make(space_);
  a->Start(0.4);
  b->Start(0.4);
  for (int episode = 0; episode < 3; ++episode) {
    EXPECT_EQ(RunEpisode(*a, space_, 3), RunEpisode(*b, space_, 3));
    EXPECT_EQ(digest::Sha256(a->SaveState()), digest::Sha256(b->SaveState()));
    EXPECT_EQ(a->Diagnostics(), b->Diagnostics());
  }
}

TEST_P(PolicyTest, OtherSeedsGiveOtherProposals) {
  const auto a = Make(space_, 1), b = Make(space_, 2);
  std::vector<std::string> of_a, of_b;
  for (int i = 0; i < 5; ++i) {
    of_a.push_back(Draw(*a, space_.start()).actions);
    of_b.push_back(Draw(*b, space_.start()).actions);
  }
  EXPECT_NE(of_a, of_b);
}

TEST_P(PolicyTest, ARestoredPolicyContinuesToTheBit) {
  const auto original = Make(space_);
  original->Start(0.4);
  RunEpisode(*original, space_, 3);
  Draw(*original, space_.start());  // in the middle of an episode
  const std::string state = original->SaveState();

  const auto restored = Make(space_, /*seed=*/99);
  ASSERT_TRUE(restored->RestoreState(state).ok());
  EXPECT_EQ(restored->SaveState(), state);
  for (int episode = 0; episode < 2; ++episode) {
    EXPECT_EQ(RunEpisode(*original, space_, 3), RunEpisode(*restored, space_, 3));
    EXPECT_EQ(original->SaveState(), restored->SaveState());
  }
}

TEST_P(PolicyTest, ADamagedStateIsRejectedAndChangesNothing) {
  const auto policy = Make(space_);
  const std::string state = policy->SaveState();
  for (const std::size_t position : {std::size_t{0}, state.size() / 2, state.size() - 1}) {
    std::string damaged = state;
    damaged[position] = static_cast<char>(damaged[position] ^ 1);
    EXPECT_EQ(policy->RestoreState(damaged).code(), absl::StatusCode::kDataLoss) << position;
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{10}, state.size() - 1}) {
    EXPECT_EQ(policy->RestoreState(state.substr(0, size)).code(), absl::StatusCode::kDataLoss);
  }
  EXPECT_EQ(policy->RestoreState(state + "x").code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(policy->SaveState(), state);
}

TEST_P(PolicyTest, TheStateOfAnotherKindIsRejected) {
  const PolicyOptions other = std::holds_alternative<RandomOptions>(GetParam().options)
                                  ? PolicyOptions(EasOptions{})
                                  : PolicyOptions(RandomOptions{});
  const std::string state = MakePolicy(other, &space_, 1)->SaveState();
  EXPECT_EQ(Make(space_)->RestoreState(state).code(), absl::StatusCode::kInvalidArgument);
}

TEST_P(PolicyTest, ProposesEvenIfNoLayerCanBeWidened) {
  const space::PlainSpace space = MakeSpace({.filters = {4}, .units = {8}});
  const auto policy = Make(space);
  const Proposal proposal = Draw(*policy, space.start());
  EXPECT_TRUE(proposal.actions.starts_with("w:000000000|w:000000000|d:")) << proposal.actions;
  EXPECT_EQ(proposal.edits.size(), 3U);
  RunEpisode(*policy, space, 2);
}

TEST_P(PolicyTest, ProposesTheParentIfNothingIsLegal) {
  const space::PlainSpace space = MakeSpace({.filters = {4}, .units = {8}, .max_layers = 5});
  const auto policy = Make(space);
  const Proposal proposal = Draw(*policy, space.start());
  EXPECT_EQ(proposal.actions, "w:000000000|w:000000000|d:-|d:-|d:-");
  EXPECT_TRUE(proposal.edits.empty());
  RunEpisode(*policy, space, 2);
}

// A block with nothing in it must not be chosen: its positions would all be masked.
TEST_P(PolicyTest, ProposesWhereThereIsNoHiddenLinearLayer) {
  space::StartNetwork start;
  start.layers = {
      {"conv1", "convolution", {{"filters", std::int64_t{4}}, {"kernel", std::int64_t{3}}}},
      {"relu1", "relu"},
      {"pool1", "global_average_pool"},
      {"classifier", "linear", {{"units", std::int64_t{10}}}}};
  const space::PlainSpace space = MakeSpace({.start = start});
  const auto policy = Make(space);
  for (int i = 0; i < 20; ++i) {
    const auto actions = ParseActions(Draw(*policy, space.start()).actions);
    ASSERT_TRUE(actions.ok());
    for (const auto& action : actions->deepen) EXPECT_EQ(action->block, 0);
  }
  RunEpisode(*policy, space, 2);
}

TEST_P(PolicyTest, ANetworkOutsideTheSpaceIsAnError) {
  const space::PlainSpace wide = MakeSpace({.filters = {3, 4}});
  const space::PlainSpace narrow = MakeSpace({.kernels = {3}});
  const auto policy = Make(narrow);
  const auto proposer = Make(wide);
  absl::Status status;
  for (int i = 0; i < 20 && status.ok(); ++i) {
    status = policy->Propose(ChildOf(wide.start(), Draw(*proposer, wide.start()))).status();
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
}

TEST_P(PolicyTest, DiagnosticsDescribeTheLastEpisode) {
  const auto policy = Make(space_);
  policy->Start(0.4);
  const std::string actions = Draw(*policy, space_.start()).actions;
  ASSERT_TRUE(policy
                  ->Observe(std::vector<Observation>{{space_.start(), actions, 0.5},
                                                     {space_.start(), actions, std::nullopt},
                                                     {space_.start(), actions, 0.7}})
                  .ok());
  const auto diagnostics = policy->Diagnostics();
  EXPECT_EQ(diagnostics.at("children"), 3);
  EXPECT_EQ(diagnostics.at("failed"), 1);
  EXPECT_DOUBLE_EQ(diagnostics.at("mean_value"), 0.6);
  EXPECT_DOUBLE_EQ(diagnostics.at("best_value"), 0.7);
}

INSTANTIATE_TEST_SUITE_P(, PolicyTest, testing::ValuesIn(Kinds()),
                         [](const auto& info) { return info.param.name; });

struct BadOptions {
  PolicyOptions options;
  std::string field;
};

class PolicyOptionsTest : public testing::TestWithParam<BadOptions> {};

TEST_P(PolicyOptionsTest, BadValuesAreNamed) {
  const absl::Status status = Validate(GetParam().options);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  ASSERT_EQ(base::FieldViolations(status).size(), 1U);
  EXPECT_EQ(base::FieldViolations(status)[0].field, GetParam().field);
}

INSTANTIATE_TEST_SUITE_P(
    , PolicyOptionsTest,
    testing::Values(BadOptions{RandomOptions{.widen_actions = -1}, "random.widen_actions"},
                    BadOptions{RandomOptions{.deepen_actions = 1001}, "random.deepen_actions"},
                    BadOptions{EasOptions{.widen_actions = -1}, "eas.widen_actions"},
                    BadOptions{EasOptions{.deepen_actions = -1}, "eas.deepen_actions"},
                    BadOptions{EasOptions{.learning_rate = 0}, "eas.learning_rate"},
                    BadOptions{EasOptions{.entropy_weight = -1}, "eas.entropy_weight"},
                    BadOptions{EasOptions{.max_accuracy = 1}, "eas.max_accuracy"}));

// A policy's saved state with all its parameters set to `value`.
std::string StateWithParameters(const Policy& policy, std::size_t count, float value) {
  // Then come the optimiser's two moments of as many floats each.
  std::string state = policy.SaveState();
  const std::size_t seal = 9 + 32;  // tag, size, SHA-256
  digest::CanonicalEncoder size;
  size.Bytes(std::string(4 * count, '\0'));
  const std::string header = std::move(size).Finish()->substr(0, 9);
  const std::size_t begin = state.find(header) + header.size();
  for (std::size_t i = 0; i < count; ++i) std::memcpy(&state[begin + 4 * i], &value, 4);
  digest::CanonicalEncoder digest;
  digest.Bytes(digest::Sha256(state.substr(0, state.size() - seal)).AsStringView());
  return state.substr(0, state.size() - seal) + *std::move(digest).Finish();
}

TEST(EasPolicyRestoreTest, ParametersOfADivergedPolicyAreRefused) {
  const space::PlainSpace space = MakeSpace();
  const std::size_t count = EasNetwork({.vocabulary = space.vocabulary_size(),
                                        .blocks = space.block_count(),
                                        .positions = kMaxPositions,
                                        .kernels = static_cast<int>(space.kernels().size())})
                                .parameters()
                                .values()
                                .size();
  const std::unique_ptr<Policy> policy = MakePolicy(EasOptions(), &space, 7);
  EXPECT_TRUE(policy->RestoreState(StateWithParameters(*policy, count, 9e5F)).ok());
  EXPECT_TRUE(policy->Propose(space.start()).ok()) << "logits are numbers";
  EXPECT_EQ(policy->RestoreState(StateWithParameters(*policy, count, 2e6F)).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(PolicyDefaultsTest, DefaultsAreValidAndAsPublished) {
  EXPECT_TRUE(Validate(RandomOptions{}).ok());
  EXPECT_TRUE(Validate(EasOptions{}).ok());
  EXPECT_EQ(EasOptions{}.widen_actions, 4);
  EXPECT_EQ(EasOptions{}.deepen_actions, 5);
  EXPECT_EQ(EasOptions{}.learning_rate, 2e-3F);
  EXPECT_EQ(EasOptions{}.entropy_weight, 1e-5F);
}

}  // namespace
}  // namespace graft::policy
