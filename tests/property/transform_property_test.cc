// Random edits of random graphs keep the function.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/rng.h"
#include "common/transform/transformation.h"
#include "tests/property/random_architecture.h"
#include "tests/unit/transform/test_network.h"

namespace graft::transform {
namespace {

using arch::Architecture;
using arch::NodeIndex;
using testing::Deepen;
using testing::RandomArchitectureOptions;
using testing::TestNetwork;
using testing::Widen;

constexpr int kGraphs = 120;
constexpr int kEditsEach = 4;
constexpr int kImages = 6;
constexpr double kTrainingBound = 1e-3;

// Convolutions and linear layers, the classifier left out.
std::vector<NodeIndex> HiddenLayers(const Architecture& network) {
  std::vector<NodeIndex> layers;
  for (size_t i = 0; i < network.nodes().size(); ++i) {
    const auto index = static_cast<NodeIndex>(i);
    const bool is_output = network.outputs()[0].node == index;
    if (network.channels(index) == arch::ChannelBehaviour::kAbsorb && !is_output) {
      layers.push_back(index);
    }
  }
  return layers;
}

Edit RandomWiden(const Architecture& network, base::Rng& rng) {
  const std::vector<NodeIndex> layers = HiddenLayers(network);
  const arch::Node& layer = network.node(layers[rng.UniformInt(layers.size())]);
  const std::int64_t width = layer.type.shape.dim(arch::ChannelAxis(layer.type.shape));
  return Widen(layer.id, width + 1 + static_cast<std::int64_t>(rng.UniformInt(width + 1)),
               rng.UniformInt(2) == 0 ? "uneven" : "even");
}

Edit RandomDeepen(const Architecture& network, base::Rng& rng) {
  const std::vector<NodeIndex> layers = HiddenLayers(network);
  const arch::Node& layer = network.node(layers[rng.UniformInt(layers.size())]);
  const auto kernel = static_cast<std::int64_t>(1 + 2 * rng.UniformInt(3));
  return Deepen(layer.id, layer.op->name == "linear" ? 0 : kernel);
}

struct Parent {
  TestNetwork network;
  tensor::Tensor calibration;
  tensor::Tensor probe;
};

Parent RandomParent(base::Rng& rng, const RandomArchitectureOptions& options) {
  const Architecture architecture = testing::RandomArchitecture(rng, options);
  tensor::Tensor calibration = testing::RandomImages(architecture, kImages, rng.NextU64());
  tensor::Tensor probe = testing::RandomImages(architecture, kImages, rng.NextU64());
  TestNetwork network = testing::Settle(architecture, calibration, rng.NextU64());
  return {std::move(network), std::move(calibration), std::move(probe)};
}

double Difference(const Parent& parent, const TestNetwork& child, engine::Mode mode) {
  return testing::RelativeDifference(testing::Logits(parent.network, parent.probe, mode),
                                     testing::Logits(child, parent.probe, mode));
}

struct Tally {
  int applied = 0;
  int refused = 0;
};

// What random edits may be refused for: channel maps that a concatenation can not express, and
// layers without ReLU.
bool IsKnownRefusal(const absl::Status& status) {
  const std::string message(status.message());
  return absl::IsInvalidArgument(status) &&
         (message.find("only be widened within each of its operands") != std::string::npos ||
          message.find("would need two different maps") != std::string::npos ||
          message.find("only after an idempotent activation") != std::string::npos);
}

// Grows one network by random edits; each that is legal must keep the first network's function.
void Grow(const Parent& parent, Edit (*random_edit)(const Architecture&, base::Rng&),
          base::Rng& rng, Tally& tally) {
  TestNetwork network = parent.network;
  for (int i = 0; i < kEditsEach; ++i) {
    const Edit edit = random_edit(network.architecture, rng);
    const std::uint64_t seed = rng.NextU64();
    const auto transformed = Apply(network.architecture, edit, seed);
    if (!transformed.ok()) {
      ASSERT_TRUE(IsKnownRefusal(transformed.status())) << transformed.status();
      ++tally.refused;
      continue;
    }
    ++tally.applied;
    network = testing::Inherit(network, *transformed, seed, parent.calibration);
    ASSERT_LE(Difference(parent, network, engine::Mode::kInference),
              PreservationBound(transformed->preservation))
        << ToString(edit) << " of\n"
        << arch::Render(parent.network.architecture);
  }
}

TEST(TransformPropertyTest, WideningAnyLayerOfAnyGraphKeepsTheFunction) {
  base::Rng rng(1);
  Tally tally;
  for (int i = 0; i < kGraphs; ++i) {
    SCOPED_TRACE(i);
    Grow(RandomParent(rng, {}), RandomWiden, rng, tally);
    if (HasFatalFailure()) return;
  }
  // Refused is only what the channel maps can not express: a value that is added to a
  // concatenation.
  RecordProperty("refused", tally.refused);
  EXPECT_GE(tally.applied, 9 * tally.refused) << tally.refused << " refused";
  EXPECT_GE(tally.applied, 400);
}

TEST(TransformPropertyTest, WideningAnyLayerOfAnyMobileGraphKeepsTheFunction) {
  base::Rng rng(5);
  RandomArchitectureOptions options;
  options.mobile = true;
  Tally tally;
  for (int i = 0; i < kGraphs; ++i) {
    SCOPED_TRACE(i);
    Grow(RandomParent(rng, options), RandomWiden, rng, tally);
    if (HasFatalFailure()) return;
  }
  RecordProperty("refused", tally.refused);
  EXPECT_GE(tally.applied, 9 * tally.refused) << tally.refused << " refused";
  EXPECT_GE(tally.applied, 400);
}

TEST(TransformPropertyTest, WideningKeepsTheTrainingForwardPassWithoutDropout) {
  base::Rng rng(2);
  RandomArchitectureOptions options;
  options.dropout = false;
  int applied = 0;
  for (int i = 0; i < kGraphs; ++i) {
    SCOPED_TRACE(i);
    const Parent parent = RandomParent(rng, options);
    const Edit edit = RandomWiden(parent.network.architecture, rng);
    const auto transformed = Apply(parent.network.architecture, edit, rng.NextU64());
    if (!transformed.ok()) {
      ASSERT_TRUE(IsKnownRefusal(transformed.status())) << transformed.status();
      continue;
    }
    ++applied;
    const TestNetwork child = testing::Inherit(parent.network, *transformed, 1, parent.calibration);
    EXPECT_LE(Difference(parent, child, engine::Mode::kTraining), kTrainingBound) << ToString(edit);
  }
  EXPECT_GE(applied, 100);
}

TEST(TransformPropertyTest, DeepeningAfterAnyReluKeepsTheFunction) {
  base::Rng rng(3);
  Tally tally;
  for (int i = 0; i < kGraphs; ++i) {
    SCOPED_TRACE(i);
    Grow(RandomParent(rng, {}), RandomDeepen, rng, tally);
    if (HasFatalFailure()) return;
  }
  // Refused is a layer without ReLU, about a fifth of them.
  EXPECT_GE(tally.applied, 300);
}

TEST(TransformPropertyTest, MixedEditsKeepTheFunction) {
  base::Rng rng(4);
  Tally tally;
  const auto either = [](const Architecture& network, base::Rng& random) {
    return random.UniformInt(2) == 0 ? RandomWiden(network, random) : RandomDeepen(network, random);
  };
  for (int i = 0; i < kGraphs; ++i) {
    SCOPED_TRACE(i);
    Grow(RandomParent(rng, {}), either, rng, tally);
    if (HasFatalFailure()) return;
  }
  EXPECT_GE(tally.applied, 350);
}

// Mutation: leaving out the shares must break nearly every graph (a copied channel that is dead on
// the probe hides it now and then).
TEST(TransformPropertyTest, MissingDivisorBreaksTheFunction) {
  base::Rng rng(5);
  int widened = 0;
  int caught = 0;
  for (int i = 0; i < kGraphs; ++i) {
    const Parent parent = RandomParent(rng, {});
    auto mutant =
        Apply(parent.network.architecture, RandomWiden(parent.network.architecture, rng), i);
    if (!mutant.ok()) continue;
    int dropped = 0;
    for (ParameterRule& rule : mutant->rules) {
      for (AxisMap& axis : std::get<FromParent>(rule).axes) {
        dropped += axis.share.empty() ? 0 : 1;
        axis.share.clear();
      }
    }
    EXPECT_GE(dropped, 1) << i;
    const TestNetwork child = testing::Inherit(parent.network, *mutant, 1, parent.calibration);
    ++widened;
    if (Difference(parent, child, engine::Mode::kInference) >
        100 * PreservationBound(Preservation::kExact)) {
      ++caught;
    }
  }
  EXPECT_GE(widened, 110);
  EXPECT_GE(caught * 20, widened * 19) << caught << " of " << widened;
}

TEST(TransformPropertyTest, EqualSeedsGiveEqualChildrenAndOthersOtherOnes) {
  base::Rng rng(6);
  int applied = 0;
  int others = 0;
  for (int i = 0; i < kGraphs; ++i) {
    const Parent parent = RandomParent(rng, {});
    const Edit edit = RandomWiden(parent.network.architecture, rng);
    const auto apply = [&](int seed) { return Apply(parent.network.architecture, edit, seed); };
    const auto a = apply(i);
    if (!a.ok()) continue;
    ++applied;
    const auto weights = [&](const Transformed& transformed) {
      return testing::Inherit(parent.network, transformed, 1, parent.calibration).weights;
    };
    const auto b = apply(i);
    ASSERT_TRUE(b.ok()) << b.status();
    EXPECT_EQ(a->child.fingerprint(), b->child.fingerprint());
    EXPECT_EQ(weights(*a), weights(*b));
    const auto other = apply(kGraphs + i);
    // Even shares of a single copy are equal if the same channel is copied; a map that cannot be
    // expressed may be refused.
    if (other.ok() && weights(*other) != weights(*a)) ++others;
  }
  EXPECT_GE(applied, 110);
  EXPECT_GE(others * 10, applied * 9) << others << " of " << applied;
}

}  // namespace
}  // namespace graft::transform
