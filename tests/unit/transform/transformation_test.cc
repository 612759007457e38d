#include "common/transform/transformation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "common/base/strings.h"
#include "tests/unit/transform/test_network.h"

namespace graft::transform {
namespace {

using arch::Architecture;
using testing::Deepen;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TestNetwork;
using testing::Widen;

std::string Encoded(const Edit& edit) {
  digest::CanonicalEncoder encoder;
  EncodeEdit(edit, encoder);
  return *std::move(encoder).Finish();
}

TEST(EditTest, DecodeOfEncodeIsTheIdentity) {
  for (const Edit& edit : {Widen("conv1", 8), Widen("a.b-c_d", 100, "even", true), Deepen("fc1", 0),
                           Edit{"deepen_layer", {}}}) {
    const std::string bytes = Encoded(edit);
    digest::CanonicalDecoder decoder(bytes);
    const auto decoded = DecodeEdit(decoder);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(*decoded, edit);
    EXPECT_TRUE(decoder.ExpectEnd().ok());
  }
}

TEST(EditTest, EncodingOpensWithTheName) {
  // Tag 0x06, length 2 in eight bytes, "ab": see digest/canonical.h.
  EXPECT_TRUE(Encoded({"ab", {}}).starts_with(std::string("\x06\x02\0\0\0\0\0\0\0ab", 11)));
}

TEST(EditTest, CutShortEncodingIsRefused) {
  const std::string bytes = Encoded(Widen("conv1", 8));
  for (size_t size = 0; size < bytes.size(); ++size) {
    digest::CanonicalDecoder decoder(std::string_view(bytes).substr(0, size));
    EXPECT_FALSE(DecodeEdit(decoder).ok()) << size;
  }
}

TEST(EditTest, TextNamesTransformationAndAttributes) {
  EXPECT_EQ(
      ToString(Edit{"widen_layer", {{"layer", std::string("conv1")}, {"width", std::int64_t{8}}}}),
      "widen_layer(layer=conv1, width=8)");
}

TEST(TransformationTest, RegistryFindsEachByName) {
  for (const Transformation* each : AllTransformations()) {
    EXPECT_EQ(FindTransformation(each->name()), each);
  }
  EXPECT_EQ(FindTransformation("shrink_layer"), nullptr);
}

TEST(TransformationTest, UnknownTransformationIsRefusedWithThoseThatExist) {
  const auto result = Apply(testing::DemoStart(), {"shrink_layer", {}}, 1);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(result.status().message()),
              HasSubstr("'shrink_layer', but deepen_layer, widen_layer"));
}

TEST(TransformationTest, BadAttributesAreRefusedByName) {
  const Architecture parent = testing::DemoStart();
  const auto expect_refused = [&parent](const arch::Attributes& attributes,
                                        const std::string& name) {
    const auto result = Apply(parent, {"widen_layer", attributes}, 1);
    EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(result.status().message()), HasSubstr(name));
  };
  expect_refused({{"layer", std::string("conv1")}}, "width");
  expect_refused({{"width", std::int64_t{8}}}, "layer");
  expect_refused({{"layer", std::string("conv1")}, {"width", std::int64_t{-8}}}, "width");
  expect_refused(
      {{"layer", std::string("conv1")}, {"width", std::int64_t{8}}, {"colour", std::int64_t{1}}},
      "colour");
  expect_refused(
      {{"layer", std::string("conv1")}, {"width", std::int64_t{8}}, {"split", std::string("fair")}},
      "split");
}

TEST(TransformationTest, WeakestPromiseWins) {
  using enum Preservation;
  EXPECT_EQ(Weakest(kExact, kExact), kExact);
  EXPECT_EQ(Weakest(kExact, kCalibrated), kCalibrated);
  EXPECT_EQ(Weakest(kLossy, kCalibrated), kLossy);
}

TEST(TransformationTest, OnlyNoiseLoosensTheBound) {
  EXPECT_EQ(PreservationBound(Preservation::kExact), 1e-4);
  EXPECT_EQ(PreservationBound(Preservation::kCalibrated), 1e-4);
  EXPECT_EQ(PreservationBound(Preservation::kLossy), 0.1);
}

TEST(TransformationTest, EditsOfOneListHaveSeedsOfTheirOwn) {
  std::set<std::uint64_t> seeds;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    for (int index = 0; index < 20; ++index) seeds.insert(EditSeed(seed, index));
  }
  EXPECT_EQ(seeds.size(), 400U);
}

TEST(TransformationTest, ApplyAllArrivesWhereSingleEditsArrive) {
  const std::vector<Edit> edits = {Widen("conv1", 8), Deepen("conv1", 3),
                                   Widen("conv1_deeper1", 12), Deepen("fc1", 0)};
  const auto child = ApplyAll(testing::DemoStart(), edits, 7);
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_EQ(arch::Summary(*child), "C8k3-C12k3-P-C4k3-P-C4k3-P-C4k3-GAP-F8-F8-F10");
}

TEST(TransformationTest, ApplyAllNamesTheEditThatIsRefused) {
  const std::vector<Edit> edits = {Widen("conv1", 8), Widen("conv1", 8)};
  const auto child = ApplyAll(testing::DemoStart(), edits, 7);
  EXPECT_THAT(
      std::string(child.status().message()),
      HasSubstr("widen_layer(layer=conv1, noise=false, split=uneven, width=8): conv1 has 8"));
}

// A linear layer, so small that every element can be written down.
class MaterializeTest : public ::testing::Test {
 protected:
  MaterializeTest()
      : parent_(testing::MakeArchitecture(
            {{"a", "linear", {{"units", std::int64_t{2}}, {"bias", false}}, {}},
             {"relu", "relu", {}, {}},
             {"b", "linear", {{"units", std::int64_t{1}}, {"bias", false}}, {}}},
            {2})) {
    weights_.Set(Name(parent_, "a.weight"), tensor::Tensor::FromFloats({2, 2}, {{1, 2, 3, 4}}));
    weights_.Set(Name(parent_, "b.weight"), tensor::Tensor::FromFloats({1, 2}, {{5, 6}}));
  }

  static std::string Name(const Architecture& architecture, std::string_view id) {
    return architecture.TensorName(architecture.FindNode(id).value());
  }

  // The parent itself, with other rules.
  Transformed WithRules(ParameterRule a, ParameterRule b) const {
    return {parent_, {std::move(a), std::move(b)}, Preservation::kExact};
  }

  absl::StatusOr<tensor::NamedTensors> Make(const Transformed& transformed,
                                            std::span<const ChannelStatistics> statistics = {}) {
    return Materialize(parent_, transformed, weights_, statistics, /*seed=*/3);
  }

  std::vector<float> Values(const tensor::NamedTensors& tensors, std::string_view id) {
    const auto values = tensors.Get(Name(parent_, id)).floats();
    return {values.begin(), values.end()};
  }

  void ExpectRefused(const absl::StatusOr<tensor::NamedTensors>& result,
                     const std::string& reason) {
    EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(result.status().message()), HasSubstr(reason));
  }

  Architecture parent_;
  tensor::NamedTensors weights_;
};

TEST_F(MaterializeTest, AxesAreIndexedAndShared) {
  const AxisMap rows = {.axis = 0, .source = {1, -1}};
  const AxisMap columns = {.axis = 1, .source = {1, 1}, .share = {0.25F, 0.75F}};
  const auto child = Make(
      WithRules(FromParent{.parameter = *parent_.FindNode("a.weight"), .axes = {rows, columns}},
                Constant{2.5F}));
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_THAT(Values(*child, "a.weight"), ElementsAre(1, 3, 0, 0));
  EXPECT_THAT(Values(*child, "b.weight"), ElementsAre(2.5F, 2.5F));
}

TEST_F(MaterializeTest, IdentityHasOnesOnTheDiagonal) {
  const auto child = Make(WithRules(IdentityWeight{}, Constant{0}));
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_THAT(Values(*child, "a.weight"), ElementsAre(1, 0, 0, 1));
}

TEST_F(MaterializeTest, StatisticsBecomeParameters) {
  const arch::NodeIndex relu = *parent_.FindNode("relu");
  const std::vector<ChannelStatistics> statistics = {{relu, {0.5F, 1.5F}, {8, 15}}};
  // One row of two, as a stand-in for a batch norm's parameter.
  const auto make = [&](Statistic::Kind kind) {
    const auto child =
        Make(WithRules(Constant{0}, Statistic{relu, kind, /*epsilon=*/1}), statistics);
    EXPECT_TRUE(child.ok()) << child.status();
    return Values(*child, "b.weight");
  };
  EXPECT_THAT(make(Statistic::Kind::kMean), ElementsAre(0.5F, 1.5F));
  EXPECT_THAT(make(Statistic::Kind::kVariance), ElementsAre(8, 15));
  EXPECT_THAT(make(Statistic::Kind::kStandardDeviation), ElementsAre(3, 4));
}

TEST_F(MaterializeTest, NodesToCalibrateAreThoseOfTheRulesOnce) {
  const Statistic late = {.value = 5};
  const Statistic early = {.value = 2};
  EXPECT_THAT(CalibrationNodes(WithRules(late, early)), ElementsAre(2, 5));
  EXPECT_THAT(CalibrationNodes(WithRules(late, late)), ElementsAre(5));
  EXPECT_THAT(CalibrationNodes(WithRules(Constant{}, Constant{})), ElementsAre());
}

TEST_F(MaterializeTest, MissingOrMisshapenInputIsNamed) {
  const Transformed copy = WithRules(FromParent{.parameter = *parent_.FindNode("a.weight")},
                                     FromParent{.parameter = *parent_.FindNode("b.weight")});
  const arch::NodeIndex relu = *parent_.FindNode("relu");
  const Transformed calibrated = WithRules(Constant{0}, Statistic{relu});
  ExpectRefused(Make(calibrated), "no statistics were recorded for relu");
  const std::vector<ChannelStatistics> three = {{relu, {1, 2, 3}, {1, 2, 3}}};
  ExpectRefused(Make(calibrated, three), "the statistics of relu are of 3 channels, expected 2");

  const std::string name = Name(parent_, "b.weight");
  weights_.Set(name, tensor::Tensor::FromFloats({2, 1}, {{5, 6}}));
  ExpectRefused(Make(copy), name + " of the parent's weights has shape [2,1]");
  weights_.Erase(name);
  ExpectRefused(Make(copy), "lack tensor " + name);
}

TEST(MaterializeNoiseTest, NoiseHasTheStatedSizeAndPlace) {
  // 400 rows of 50, of which the last 100 get noise.
  const Architecture network = testing::MakeArchitecture(
      {{"a", "linear", {{"units", std::int64_t{400}}, {"bias", false}}, {}}}, {50});
  const TestNetwork parent = testing::Settle(network, testing::RandomImages(network, 1, 1), 1);
  const Noise noise = {.relative_stddev = 0.01F, .axis = 0, .first = 300};
  const Transformed transformed = {
      network,
      {FromParent{.parameter = network.parameters()[0], .noise = noise}},
      Preservation::kLossy};
  const auto noisy = Materialize(network, transformed, parent.weights, {}, /*seed=*/5);
  ASSERT_TRUE(noisy.ok()) << noisy.status();
  const auto before = testing::WeightsOf(parent, "a.weight").floats();
  const auto after = noisy->begin()->second.floats();
  double slice_squares = 0;
  double noise_squares = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    if (i < 300 * 50) {
      EXPECT_EQ(after[i], before[i]);
      continue;
    }
    slice_squares += double{before[i]} * before[i];
    noise_squares += std::pow(double{after[i]} - before[i], 2);
  }
  // The weights' mean is near zero; 5,000 draws estimate a deviation to about 1 %.
  EXPECT_NEAR(std::sqrt(noise_squares / slice_squares), 0.01, 0.0006);
}

TEST(MaterializeNoiseTest, SeedDecidesTheNoise) {
  const TestNetwork parent =
      testing::Settle(testing::DemoStart(), testing::RandomImages(testing::DemoStart(), 2, 1), 1);
  const auto transformed =
      Apply(parent.architecture, Widen("conv2", 8, "uneven", /*noise=*/true), 1);
  ASSERT_TRUE(transformed.ok()) << transformed.status();
  const auto make = [&](std::uint64_t seed) {
    return *Materialize(parent.architecture, *transformed, parent.weights, {}, seed);
  };
  EXPECT_EQ(make(1), make(1));
  EXPECT_NE(make(1), make(2));
}

}  // namespace
}  // namespace graft::transform
