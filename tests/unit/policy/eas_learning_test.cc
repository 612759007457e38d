// The EAS policy against the random one on a reward in closed form: no network is trained.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "services/controller/policy/policy_options.h"
#include "tests/unit/policy/policy_test_util.h"

namespace graft::policy {
namespace {

constexpr int kSeeds = 4;
constexpr int kEpisodes = 21;
constexpr int kChildren = 10;
constexpr int kWidenActions = 1;
constexpr int kDeepenActions = 1;

// A made-up accuracy: convolutions towards the end of the network should be wide, its first one and
// the linear layers narrow, and new layers should be 3x3 convolutions in the third block. What is
// best takes both actors to find.
double VirtualAccuracy(const space::NetworkView& view) {
  double score = 0;
  for (int b = 0; b < static_cast<int>(view.blocks.size()); ++b) {
    const space::BlockView& block = view.blocks[b];
    const bool linear = block.kind == space::LayerView::Kind::kLinear;
    const double worth[] = {-1, 0, 1, 1, -1};
    const space::LayerView& first = view.layers[block.layers[0]];
    score += worth[b] * (linear ? first.width / 8 - 1 : first.width / 4 - 1);
    for (std::size_t i = 1; i < block.layers.size(); ++i) {
      score += b == 2 ? (view.layers[block.layers[i]].kernel == 3 ? 2 : 1) : -0.5;
    }
  }
  return 0.5 + 0.04 * score;
}

// Mean accuracy of the children of the last third of the episodes.
double LateMean(const PolicyOptions& options, std::uint64_t seed) {
  const space::PlainSpace space = MakeSpace();
  const std::unique_ptr<Policy> policy = MakePolicy(options, &space, seed);
  policy->Start(VirtualAccuracy(ViewOf(space, space.start())));
  double sum = 0;
  int count = 0;
  for (int number = 0; number < kEpisodes; ++number) {
    std::vector<Observation> episode;
    for (int i = 0; i < kChildren; ++i) {
      const Proposal proposal = Draw(*policy, space.start());
      const double accuracy = VirtualAccuracy(ViewOf(space, ChildOf(space.start(), proposal)));
      episode.push_back({space.start(), proposal.actions, accuracy});
      if (3 * number >= 2 * kEpisodes) {
        sum += accuracy;
        ++count;
      }
    }
    GRAFT_CHECK_OK(policy->Observe(episode));
  }
  return sum / count;
}

class EasLearningTest : public testing::TestWithParam<Baseline> {};

TEST_P(EasLearningTest, BeatsTheRandomPolicy) {
  const RandomOptions random = {.widen_actions = kWidenActions, .deepen_actions = kDeepenActions};
  const EasOptions eas = {
      .widen_actions = kWidenActions, .deepen_actions = kDeepenActions, .baseline = GetParam()};
  std::vector<double> gains;
  for (int seed = 1; seed <= kSeeds; ++seed) {
    gains.push_back(LateMean(eas, seed) - LateMean(random, seed));
  }
  double mean = 0, squares = 0;
  for (const double gain : gains) mean += gain / kSeeds;
  for (const double gain : gains) squares += (gain - mean) * (gain - mean);
  const double standard_error = std::sqrt(squares / (kSeeds - 1) / kSeeds);
  EXPECT_GT(*std::ranges::min_element(gains), 0.0);
  EXPECT_GT(mean, 4 * standard_error);
  EXPECT_GT(mean, 0.05);  // five points of accuracy
}

INSTANTIATE_TEST_SUITE_P(, EasLearningTest,
                         testing::Values(Baseline::kSlowAverage, Baseline::kPublished),
                         [](const auto& info) {
                           return info.param == Baseline::kSlowAverage ? "SlowAverage"
                                                                       : "Published";
                         });

}  // namespace
}  // namespace graft::policy
