#include "common/transform/widen_layer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <vector>

#include "tests/unit/transform/test_network.h"

namespace graft::transform {
namespace {

using arch::Architecture;
using ::testing::Each;
using ::testing::HasSubstr;
using testing::TestNetwork;
using testing::Widen;

// Sum of the shares of each old channel's copies, in float and in ascending order.
std::vector<float> ShareSums(const ChannelMap& map, int old_width) {
  std::vector<float> sums(old_width, 0);
  for (size_t j = 0; j < map.source.size(); ++j) sums[map.source[j]] += map.share[j];
  return sums;
}

TEST(RandomWideningTest, OldChannelsStayAndNewOnesAreCopies) {
  const ChannelMap map = RandomWidening(5, 400, WidenSplit::kUneven, 1);
  ASSERT_EQ(map.source.size(), 400U);
  std::array<int, 5> copies = {};
  for (int j = 0; j < 400; ++j) {
    if (j < 5) {
      EXPECT_EQ(map.source[j], j);
    }
    ++copies.at(map.source[j]);
  }
  // Uniform: 80 of each expected, standard deviation 8.
  EXPECT_THAT(copies, Each(::testing::AllOf(::testing::Gt(48), ::testing::Lt(112))));
}

TEST(RandomWideningTest, UnevenSharesSumToExactlyOne) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const ChannelMap map = RandomWidening(7, 60, WidenSplit::kUneven, seed);
    EXPECT_THAT(ShareSums(map, 7), Each(1.0F)) << seed;
    EXPECT_THAT(map.share, Each(::testing::Gt(0.0F)));
  }
}

TEST(RandomWideningTest, UnevenSharesStayWithinTheDrawsBounds) {
  // Two copies: u / (u + v) with u, v in [0.5, 1.5).
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const ChannelMap map = RandomWidening(1, 2, WidenSplit::kUneven, seed);
    EXPECT_GT(map.share[0], 0.24F);
    EXPECT_LT(map.share[0], 0.76F);
    EXPECT_NE(map.share[0], map.share[1]);
  }
}

TEST(RandomWideningTest, ChannelsWithoutCopiesAreNotScaled) {
  const ChannelMap map = RandomWidening(10, 11, WidenSplit::kUneven, 3);
  for (int j = 0; j < 10; ++j) {
    if (j != map.source[10]) {
      EXPECT_EQ(map.share[j], 1.0F);
    }
  }
}

TEST(RandomWideningTest, EvenSharesAreEqual) {
  const ChannelMap map = RandomWidening(1, 3, WidenSplit::kEven, 1);
  EXPECT_THAT(map.share, Each(1.0F / 3.0F));
}

TEST(RandomWideningTest, SeedDecidesMapAndShares) {
  EXPECT_EQ(RandomWidening(4, 12, WidenSplit::kUneven, 5),
            RandomWidening(4, 12, WidenSplit::kUneven, 5));
  EXPECT_NE(RandomWidening(4, 12, WidenSplit::kUneven, 5),
            RandomWidening(4, 12, WidenSplit::kUneven, 6));
}

TEST(RandomWideningTest, SplitDoesNotChangeTheMap) {
  EXPECT_EQ(RandomWidening(4, 12, WidenSplit::kUneven, 5).source,
            RandomWidening(4, 12, WidenSplit::kEven, 5).source);
}

class WidenLayerTest : public ::testing::Test {
 protected:
  WidenLayerTest()
      : images_(testing::RandomImages(testing::DemoStart(), 4, 1)),
        parent_(testing::Settle(testing::DemoStart(), images_, 1)) {}

  TestNetwork Child(const Edit& edit) {
    return testing::Derive(parent_, {{edit}}, /*edit_seed=*/9, images_).network;
  }

  tensor::Tensor images_;
  TestNetwork parent_;
};

TEST_F(WidenLayerTest, CopiesOfTheConsumersWeightsSumToTheParents) {
  const TestNetwork child = Child(Widen("conv2", 16));
  const ChannelMap map = RandomWidening(4, 16, WidenSplit::kUneven, EditSeed(9, 0));
  const auto parent = testing::WeightsOf(parent_, "conv3.weight").floats();  // [4, 4, 3, 3]
  const auto widened = testing::WeightsOf(child, "conv3.weight").floats();   // [4, 16, 3, 3]
  std::vector<double> sums(parent.size(), 0);
  for (int o = 0; o < 4; ++o) {
    for (int j = 0; j < 16; ++j) {
      for (int tap = 0; tap < 9; ++tap) {
        sums[(o * 4 + map.source[j]) * 9 + tap] += widened[(o * 16 + j) * 9 + tap];
      }
    }
  }
  for (size_t i = 0; i < sums.size(); ++i) EXPECT_NEAR(sums[i], parent[i], 1e-7);
}

TEST_F(WidenLayerTest, OwnWeightsAndBatchNormAreCopiedUndivided) {
  const TestNetwork child = Child(Widen("conv2", 16));
  const ChannelMap map = RandomWidening(4, 16, WidenSplit::kUneven, EditSeed(9, 0));
  for (const char* id :
       {"conv2.weight", "conv2_bn.scale", "conv2_bn.shift", "conv2_bn.mean", "conv2_bn.variance"}) {
    const auto parent = testing::WeightsOf(parent_, id).floats();
    const auto widened = testing::WeightsOf(child, id).floats();
    const size_t row = parent.size() / 4;
    for (int j = 0; j < 16; ++j) {
      EXPECT_TRUE(std::ranges::equal(widened.subspan(j * row, row),
                                     parent.subspan(map.source[j] * row, row)))
          << id << " " << j;
    }
  }
}

TEST_F(WidenLayerTest, WeightsElsewhereStayToTheBit) {
  const TestNetwork child = Child(Widen("conv2", 16));
  for (const char* id : {"conv1.weight", "conv1_bn.mean", "conv4.weight", "fc1.weight",
                         "classifier.weight", "classifier.bias"}) {
    EXPECT_EQ(testing::WeightsOf(child, id), testing::WeightsOf(parent_, id)) << id;
  }
}

TEST_F(WidenLayerTest, NoiseIsOnTheNewFiltersAlone) {
  const TestNetwork exact = Child(Widen("conv2", 16));
  const TestNetwork noisy = Child(Widen("conv2", 16, "uneven", /*noise=*/true));
  const auto clean = testing::WeightsOf(exact, "conv2.weight").floats();
  const auto disturbed = testing::WeightsOf(noisy, "conv2.weight").floats();
  const size_t old = size_t{4} * 4 * 9;
  EXPECT_TRUE(std::ranges::equal(clean.first(old), disturbed.first(old)));
  for (size_t i = old; i < clean.size(); ++i) EXPECT_NE(clean[i], disturbed[i]) << i;
  for (const char* id : {"conv3.weight", "conv2_bn.scale", "conv2_bn.mean"}) {
    EXPECT_EQ(testing::WeightsOf(noisy, id), testing::WeightsOf(exact, id)) << id;
  }
}

TEST_F(WidenLayerTest, NoiseIsLossyAndItsAbsenceExact) {
  const auto promise = [this](const Edit& edit) {
    return Apply(parent_.architecture, edit, 1)->preservation;
  };
  EXPECT_EQ(promise(Widen("conv2", 8)), Preservation::kExact);
  EXPECT_EQ(promise(Widen("fc1", 16, "even")), Preservation::kExact);
  EXPECT_EQ(promise(Widen("conv2", 8, "uneven", true)), Preservation::kLossy);
}

TEST_F(WidenLayerTest, SameSeedGivesTheSameChildToTheBit) {
  const std::vector<Edit> edits = {Widen("conv1", 12), Widen("fc1", 24, "uneven", true),
                                   Widen("conv1", 16)};
  const auto derive = [&](std::uint64_t seed) {
    return testing::Derive(parent_, edits, seed, images_).network;
  };
  EXPECT_EQ(derive(4).architecture.fingerprint(), derive(4).architecture.fingerprint());
  EXPECT_EQ(derive(4).weights, derive(4).weights);
  EXPECT_EQ(derive(5).architecture.fingerprint(), derive(4).architecture.fingerprint());
  EXPECT_NE(derive(5).weights, derive(4).weights);
}

TEST_F(WidenLayerTest, ParameterCountFollowsTheClosedForm) {
  // conv2 4 -> 12: eight more filters [4,3,3], batch norm pairs and inputs of conv3's 4 filters.
  EXPECT_EQ(Child(Widen("conv2", 12)).architecture.cost().parameters,
            638 + 8 * (4 * 9 + 2 + 4 * 9));
  // fc1 8 -> 24: sixteen more rows of 4, batch norm pairs and inputs of the 10 classes.
  EXPECT_EQ(Child(Widen("fc1", 24)).architecture.cost().parameters, 638 + 16 * (4 + 2 + 10));
}

TEST_F(WidenLayerTest, IllegalEditsSayWhy) {
  const auto expect_refused = [this](const Edit& edit, const std::string& reason) {
    const auto result = Apply(parent_.architecture, edit, 1);
    EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(result.status().message()), HasSubstr(reason));
  };
  expect_refused(Widen("conv9", 8), "there is no layer conv9");
  expect_refused(Widen("conv1_bn", 8), "conv1_bn is a batch_norm");
  expect_refused(Widen("conv1", 4), "conv1 has 4 channels already");
  expect_refused(Widen("classifier", 20), "the width of classifier is fixed: it is the output");
}

}  // namespace
}  // namespace graft::transform
