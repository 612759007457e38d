// Properties of random architectures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "common/arch/architecture_encoding.h"
#include "common/arch/operator_registry.h"
#include "tests/property/random_architecture.h"

namespace graft::arch {
namespace {

constexpr int kGraphs = 300;

// Calls `check(architecture, rng)` on random graphs.
template <typename Check>
void ForRandomGraphs(const Check& check) {
  base::Rng rng(20170716);
  for (int i = 0; i < kGraphs; ++i) {
    base::Rng graph_rng = rng.Fork(i);
    const Architecture architecture =
        graft::testing::RandomArchitecture(graph_rng, {.mobile = i % 2 == 1});
    SCOPED_TRACE("graph " + std::to_string(i) + ": " + Summary(architecture));
    check(architecture, graph_rng);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(RandomGraphsTest, DecodeOfEncodeIsTheIdentity) {
  ForRandomGraphs([](const Architecture& architecture, base::Rng&) {
    const auto decoded = DecodeArchitecture(EncodeArchitecture(architecture));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->fingerprint(), architecture.fingerprint());
    EXPECT_EQ(EncodeArchitecture(*decoded), EncodeArchitecture(architecture));
  });
}

TEST(RandomGraphsTest, OperandsComeFirstAndUsersMirrorThem) {
  ForRandomGraphs([](const Architecture& architecture, base::Rng&) {
    std::multiset<std::pair<NodeIndex, NodeIndex>> uses;
    std::multiset<std::pair<NodeIndex, NodeIndex>> users;
    const int count = static_cast<int>(architecture.nodes().size());
    for (NodeIndex i = 0; i < count; ++i) {
      for (const NodeIndex operand : architecture.node(i).operands) {
        EXPECT_LT(operand, i);
        uses.emplace(operand, i);
      }
      EXPECT_TRUE(std::is_sorted(architecture.users(i).begin(), architecture.users(i).end()));
      for (const NodeIndex user : architecture.users(i)) users.emplace(i, user);
    }
    EXPECT_EQ(uses, users);
  });
}

TEST(RandomGraphsTest, AnyTopologicalOrderAndAnyIdsGiveOneFingerprint) {
  ForRandomGraphs([](const Architecture& architecture, base::Rng& rng) {
    // Repeatedly takes a random layer whose operands have been taken.
    const int count = static_cast<int>(architecture.nodes().size());
    const auto new_id = [](NodeIndex index) { return "node" + std::to_string(index); };
    std::vector<bool> taken(count, false);
    std::vector<LayerDef> layers;
    while (static_cast<int>(layers.size()) < count) {
      const NodeIndex index = static_cast<NodeIndex>(rng.UniformInt(count));
      const Node& node = architecture.node(index);
      if (taken[index] || !std::all_of(node.operands.begin(), node.operands.end(),
                                       [&](NodeIndex operand) { return taken[operand]; })) {
        continue;
      }
      taken[index] = true;
      LayerDef layer{new_id(index), node.op->name, node.attributes, {}};
      for (const NodeIndex operand : node.operands) layer.operands.push_back(new_id(operand));
      layers.push_back(std::move(layer));
    }
    const auto shuffled =
        Architecture::Create(layers, {{"logits", new_id(architecture.outputs()[0].node)}});
    ASSERT_TRUE(shuffled.ok()) << shuffled.status();
    EXPECT_EQ(shuffled->fingerprint(), architecture.fingerprint());
  });
}

TEST(RandomGraphsTest, EqualSeedsGiveEqualGraphs) {
  ForRandomGraphs([](const Architecture&, base::Rng& rng) {
    base::Rng first(rng.state());
    base::Rng second(rng.state());
    EXPECT_EQ(graft::testing::RandomArchitecture(first).fingerprint(),
              graft::testing::RandomArchitecture(second).fingerprint());
  });
}

TEST(RandomGraphsTest, EveryOperatorOfTheGeneratorOccurs) {
  std::set<std::string> seen;
  std::set<std::string> fingerprints;
  ForRandomGraphs([&](const Architecture& architecture, base::Rng&) {
    for (const Node& node : architecture.nodes()) seen.insert(node.op->name);
    fingerprints.insert(architecture.fingerprint().ToString());
  });
  EXPECT_EQ(seen, std::set<std::string>({"add",
                                         "average_pool",
                                         "batch_norm",
                                         "concat",
                                         "convolution",
                                         "dropout",
                                         "feature_map",
                                         "flatten",
                                         "gelu",
                                         "global_average_pool",
                                         "global_max_pool",
                                         "input",
                                         "linear",
                                         "max_pool",
                                         "multiply",
                                         "parameter",
                                         "relu",
                                         "sigmoid",
                                         "silu",
                                         "tanh",
                                         "tokens"}));
  EXPECT_GT(fingerprints.size(), kGraphs * 9 / 10);
}

}  // namespace
}  // namespace graft::arch
