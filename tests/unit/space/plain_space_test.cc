#include "common/space/plain_space.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "common/base/field_error.h"
#include "common/base/rng.h"
#include "tests/unit/transform/test_network.h"

namespace graft::space {
namespace {

using arch::Architecture;
using arch::LayerDef;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = LayerView::Kind;

const tensor::Shape kGrey = {1, 28, 28};

PlainSpace Space(const PlainSpaceOptions& options = {}, const tensor::Shape& shape = kGrey) {
  auto space = PlainSpace::Create(options, shape, 10);
  EXPECT_TRUE(space.ok()) << space.status();
  return *std::move(space);
}

NetworkView View(const PlainSpace& space, const Architecture& network) {
  auto view = space.Analyze(network);
  EXPECT_TRUE(view.ok()) << view.status();
  return *std::move(view);
}

// The field that Create complains about, and the whole message.
std::pair<std::string, std::string> Complaint(const PlainSpaceOptions& options,
                                              const tensor::Shape& shape = kGrey) {
  const absl::Status status = PlainSpace::Create(options, shape, 10).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  const std::vector<base::FieldViolation> violations = base::FieldViolations(status);
  if (violations.empty()) return {"", std::string(status.message())};
  return {violations[0].field, violations[0].description};
}

void ExpectComplaint(const PlainSpaceOptions& options, const std::string& field,
                     const std::string& description) {
  const auto [actual_field, actual_description] = Complaint(options);
  EXPECT_EQ(actual_field, field) << actual_description;
  EXPECT_THAT(actual_description, HasSubstr(description));
}

PlainSpaceOptions WithStart(std::vector<LayerDef> layers) {
  PlainSpaceOptions options;
  options.start = StartNetwork{std::move(layers), {}};
  return options;
}

LayerDef Conv(std::int64_t filters, std::int64_t kernel = 3) {
  return {"", "convolution", {{"filters", filters}, {"kernel", kernel}}, {}};
}
LayerDef Linear(std::int64_t units) { return {"", "linear", {{"units", units}}, {}}; }
LayerDef Layer(std::string op) { return {"", std::move(op), {}, {}}; }
LayerDef Dropout() { return {"", "dropout", {{"rate", 0.5}}, {}}; }
LayerDef Pool() { return {"", "max_pool", {{"kernel", std::int64_t{2}}}, {}}; }

TEST(PlainSpaceTest, DemoStartHasThePublishedSize) {
  EXPECT_EQ(Space().start().cost().parameters, 638);
  EXPECT_EQ(Space({}, {3, 32, 32}).start().cost().parameters, 710);
  EXPECT_EQ(arch::Summary(Space().start()), "C4k3-P-C4k3-P-C4k3-P-C4k3-GAP-F8-F10");
}

TEST(PlainSpaceTest, DefaultsAreTheDemoSpace) {
  const PlainSpace space = Space();
  EXPECT_THAT(space.filters(), ElementsAre(4, 8, 12, 16, 20, 24, 28, 32, 36, 40));
  EXPECT_THAT(space.units(), ElementsAre(8, 16, 24, 32, 40, 48, 56, 64, 72, 80));
  EXPECT_THAT(space.kernels(), ElementsAre(1, 3, 5));
  EXPECT_EQ(space.max_layers(), 50);
  EXPECT_EQ(space.max_macs(), std::int64_t{1} << 32);
}

TEST(PlainSpaceTest, VocabularyIsPaddingConvolutionsUnitsAndPool) {
  PlainSpaceOptions options;
  options.filters = {4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  options.units = {8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18};
  EXPECT_EQ(Space(options).vocabulary_size(), 1 + 39 + 11 + 1);
}

TEST(PlainSpaceTest, StartIsSeenAsTokensAndBlocks) {
  const PlainSpace space = Space();
  const NetworkView view = View(space, space.start());
  std::vector<int> tokens;
  std::vector<std::string> ids;
  for (const LayerView& layer : view.layers) {
    tokens.push_back(layer.token);
    ids.push_back(layer.id);
  }
  EXPECT_THAT(ids, ElementsAre("conv1", "pool1", "conv2", "pool2", "conv3", "pool3", "conv4",
                               "pool4", "fc1"));
  // Filters 4 with kernel 3 is 1 + 0 * 3 + 1; pool is the last of 1 + 30 + 10 + 1; 8 units is 1
  // + 30.
  EXPECT_THAT(tokens, ElementsAre(2, 41, 2, 41, 2, 41, 2, 41, 31));
  ASSERT_EQ(view.blocks.size(), 5U);
  EXPECT_EQ(space.block_count(), 5);
  for (int block = 0; block < 4; ++block) {
    EXPECT_EQ(view.blocks[block].kind, Kind::kConvolution);
    EXPECT_THAT(view.blocks[block].layers, ElementsAre(2 * block));
  }
  EXPECT_EQ(view.blocks[4].kind, Kind::kLinear);
  EXPECT_THAT(view.blocks[4].layers, ElementsAre(8));
  EXPECT_EQ(view.hidden_layers, 5);
  EXPECT_EQ(view.macs, space.start().cost().macs);
}

TEST(PlainSpaceTest, NetworkWithoutHiddenLinearLayersHasAnEmptyLastBlock) {
  const PlainSpace space =
      Space(WithStart({Conv(4), Layer("relu"), Layer("global_average_pool"), Linear(10)}));
  const NetworkView view = View(space, space.start());
  ASSERT_EQ(view.blocks.size(), 2U);
  EXPECT_TRUE(view.blocks[1].layers.empty());
}

TEST(PlainSpaceTest, ConsecutivePoolsMakeNoEmptyBlock) {
  const PlainSpace space =
      Space(WithStart({Pool(), Conv(4), Layer("relu"), Pool(), Pool(), Conv(8), Layer("batch_norm"),
                       Layer("relu"), Dropout(), Layer("flatten"), Linear(10)}));
  const NetworkView view = View(space, space.start());
  ASSERT_EQ(view.blocks.size(), 3U);
  EXPECT_THAT(view.blocks[0].layers, ElementsAre(1));
  EXPECT_THAT(view.blocks[1].layers, ElementsAre(4));
}

TEST(PlainSpaceTest, WidthsClimbTheirLadder) {
  PlainSpaceOptions options;
  options.filters = {4, 9, 30};
  const PlainSpace space = Space(options);
  Architecture network = space.start();
  std::vector<int> widths;
  for (int i = 0; i < 3; ++i) {
    const NetworkView view = View(space, network);
    widths.push_back(view.layers[0].width);
    EXPECT_EQ(space.WidenMask(view)[0], i < 2);
    std::vector<bool> bits(view.layers.size());
    bits[0] = true;
    const auto step = space.Widen(network, bits);
    ASSERT_TRUE(step.ok()) << step.status();
    EXPECT_EQ(step->edits.size(), i < 2 ? 1U : 0U);
    network = step->child;
  }
  EXPECT_THAT(widths, ElementsAre(4, 9, 30));
}

TEST(PlainSpaceTest, PoolsAreNeverWidenedOrFollowed) {
  const PlainSpace space = Space();
  const NetworkView view = View(space, space.start());
  EXPECT_FALSE(space.WidenMask(view)[1]);
  EXPECT_FALSE(space.CanDeepen(view, 1, 3));
  EXPECT_FALSE(space.CanDeepen(view, -1, 3));
  EXPECT_FALSE(space.CanDeepen(view, 9, 3));
}

TEST(PlainSpaceTest, DeepenedLayersJoinTheirBlock) {
  const PlainSpace space = Space();
  const auto step = space.Deepen(space.start(), /*layer=*/2, /*kernel=*/5);
  ASSERT_TRUE(step.ok()) << step.status();
  EXPECT_EQ(arch::Summary(step->child), "C4k3-P-C4k3-C4k5-P-C4k3-P-C4k3-GAP-F8-F10");
  const NetworkView view = View(space, step->child);
  EXPECT_THAT(view.blocks[1].layers, ElementsAre(2, 3));
  EXPECT_EQ(view.layers[3].kernel, 5);
  EXPECT_EQ(view.blocks.size(), 5U);
}

TEST(PlainSpaceTest, KernelIsIgnoredBehindLinearLayers) {
  const PlainSpace space = Space();
  const auto step = space.Deepen(space.start(), /*layer=*/8, /*kernel=*/5);
  ASSERT_TRUE(step.ok()) << step.status();
  EXPECT_EQ(step->edits, std::vector{space.DeepenEdit(View(space, space.start()).layers[8], 1)});
}

TEST(PlainSpaceTest, KernelsOutsideTheSpaceAreNotInserted) {
  const PlainSpace space = Space();
  EXPECT_FALSE(space.CanDeepen(View(space, space.start()), 0, 7));
  EXPECT_EQ(space.Deepen(space.start(), 0, 7).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(PlainSpaceTest, EditsCarrySplitAndNoise) {
  PlainSpaceOptions options;
  options.widen_split = transform::WidenSplit::kEven;
  options.noise = true;
  const PlainSpace published = Space(options);
  const LayerView conv1 = View(published, published.start()).layers[0];
  EXPECT_EQ(ToString(published.WidenEdit(conv1)),
            "widen_layer(layer=conv1, noise=true, split=even, width=8)");
  EXPECT_EQ(ToString(published.DeepenEdit(conv1, 3)),
            "deepen_layer(after=conv1, kernel=3, noise=true)");
  EXPECT_EQ(ToString(Space().WidenEdit(conv1)),
            "widen_layer(layer=conv1, noise=false, split=uneven, width=8)");
}

TEST(PlainSpaceTest, MaxLayersStopsDeepening) {
  PlainSpaceOptions options;
  options.max_layers = 6;
  const PlainSpace space = Space(options);
  const auto step = space.Deepen(space.start(), 0, 1);
  ASSERT_TRUE(step.ok()) << step.status();
  EXPECT_FALSE(space.CanDeepen(View(space, step->child), 0, 1));
}

// What the masks compute from a view is what the edits really cost, to the last
// multiply-accumulate: compared at every layer of the networks along a random walk.
class PlainSpaceCostTest : public ::testing::TestWithParam<bool> {
 protected:
  PlainSpaceOptions Options() const {
    if (!GetParam()) return {};
    return WithStart({Conv(4, 5), Layer("relu"), Pool(), Conv(8, 1), Layer("batch_norm"),
                      Layer("relu"), Layer("flatten"), Linear(8), Layer("relu"), Linear(16),
                      Layer("relu"), Linear(10)});
  }

  PlainSpace Limited(std::int64_t max_macs) const {
    PlainSpaceOptions options = Options();
    options.max_macs = max_macs;
    return Space(options);
  }

  static std::vector<bool> OnlyBit(const NetworkView& view, int layer) {
    std::vector<bool> bits(view.layers.size());
    bits[layer] = true;
    return bits;
  }

  void ExpectExactWidenMask(const Architecture& network, const NetworkView& view, int layer) {
    const auto step = Limited(0).Widen(network, OnlyBit(view, layer));
    ASSERT_TRUE(step.ok()) << step.status();
    const std::int64_t macs = step->child.cost().macs;
    EXPECT_TRUE(Limited(macs).WidenMask(view)[layer]) << layer;
    EXPECT_FALSE(Limited(macs - 1).WidenMask(view)[layer]) << layer;
  }

  void ExpectExactDeepenMask(const Architecture& network, const NetworkView& view, int layer) {
    const auto step = Limited(0).Deepen(network, layer, /*kernel=*/3);
    ASSERT_TRUE(step.ok()) << step.status();
    const std::int64_t macs = step->child.cost().macs;
    EXPECT_TRUE(Limited(macs).CanDeepen(view, layer, 3)) << layer;
    EXPECT_FALSE(Limited(macs - 1).CanDeepen(view, layer, 3)) << layer;
  }
};

TEST_P(PlainSpaceCostTest, MasksAdmitExactlyWhatMaxMacsAdmits) {
  const PlainSpace unlimited = Limited(0);
  base::Rng rng(1);
  Architecture network = unlimited.start();
  int widened = 0;
  for (int i = 0; i < 12; ++i) {
    const NetworkView view = View(unlimited, network);
    std::vector<bool> bits(view.layers.size());
    for (int layer = 0; layer < static_cast<int>(view.layers.size()); ++layer) {
      bits[layer] = rng.UniformInt(3) == 0;
      if (view.layers[layer].kind == Kind::kPool) continue;
      ExpectExactDeepenMask(network, view, layer);
      if (!view.layers[layer].wider.has_value()) continue;
      ExpectExactWidenMask(network, view, layer);
      ++widened;
    }
    network = unlimited.Widen(network, bits)->child;
    if (i % 3 == 0) network = unlimited.Deepen(network, 0, 1)->child;
  }
  EXPECT_GT(widened, 40);
}

INSTANTIATE_TEST_SUITE_P(Starts, PlainSpaceCostTest, ::testing::Bool(), [](const auto& info) {
  return info.param ? "FlattenAndTwoLinear" : "Demo";
});

TEST(PlainSpaceTest, SeveralBitsAreAppliedInOrderUntilTheLimit) {
  PlainSpaceOptions options;
  const PlainSpace unlimited = Space(options);
  std::vector<bool> first(9);
  first[0] = true;
  // Room for conv1 and, after it, for the cheap fc1, but not for conv2 between them.
  const Architecture with_conv1 = unlimited.Widen(unlimited.start(), first)->child;
  options.max_macs = with_conv1.cost().macs + 1000;
  const PlainSpace space = Space(options);
  const std::vector<bool> all(9, true);
  const auto step = space.Widen(space.start(), all);
  ASSERT_TRUE(step.ok()) << step.status();
  std::vector<std::string> widened;
  for (const transform::Edit& edit : step->edits) {
    widened.push_back(arch::GetString(edit.attributes, "layer"));
  }
  EXPECT_THAT(widened, ElementsAre("conv1", "fc1"));
  EXPECT_LE(step->child.cost().macs, options.max_macs);
  // Each alone would have been legal.
  EXPECT_TRUE(space.WidenMask(View(space, space.start()))[2]);
}

TEST(PlainSpaceTest, StepsArriveWhereTheirEditsArrive) {
  const PlainSpace space = Space();
  const auto step = space.Widen(space.start(), std::vector<bool>(9, true));
  ASSERT_TRUE(step.ok()) << step.status();
  EXPECT_EQ(step->edits.size(), 5U);
  const auto applied = transform::ApplyAll(space.start(), step->edits, /*edit_seed=*/77);
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->fingerprint(), step->child.fingerprint());
}

TEST(PlainSpaceTest, ForeignNetworkIsNotAnalyzed) {
  PlainSpaceOptions options;
  options.filters = {4, 8};
  const PlainSpace space = Space(options);
  const auto view = space.Analyze(testing::EasStart());
  EXPECT_EQ(view.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(view.status().message()),
              HasSubstr("conv1: its width, 16, is not among filters [4, 8]"));
}

TEST(PlainSpaceOptionsTest, LaddersMustAscend) {
  PlainSpaceOptions options;
  options.filters = {4, 8, 8};
  ExpectComplaint(options, "filters[2]", "must be above the entry before it, 8, got 8");
  options = {};
  options.units = {8, 0};
  ExpectComplaint(options, "units[1]", "must be between 1 and 65536, got 0");
  options = {};
  options.units = {8, 1 << 17};
  ExpectComplaint(options, "units[1]", "got 131072");
  options = {};
  options.filters.resize(300);
  std::iota(options.filters.begin(), options.filters.end(), 1);
  ExpectComplaint(options, "filters", "at most 256 entries, got 300");
}

TEST(PlainSpaceOptionsTest, KernelsMustBeOdd) {
  PlainSpaceOptions options;
  options.kernels = {1, 2, 3};
  ExpectComplaint(options, "kernels[1]", "must be odd, got 2");
}

TEST(PlainSpaceOptionsTest, LimitsMustHoldTheStart) {
  PlainSpaceOptions options;
  options.max_macs = Space().start().cost().macs;
  EXPECT_TRUE(PlainSpace::Create(options, kGrey, 10).ok());
  --options.max_macs;
  ExpectComplaint(options, "max_macs", "the multiply-accumulates of the start network");
  options.max_macs = -1;
  ExpectComplaint(options, "max_macs", "must be between 1 and 4294967296");
  options = {};
  options.max_layers = 4;
  ExpectComplaint(options, "max_layers", "must be at least 5");
  options.max_layers = -1;
  ExpectComplaint(options, "max_layers", "must be between 1 and 1000");
}

TEST(PlainSpaceOptionsTest, DefaultStartMustBeOnTheLadders) {
  PlainSpaceOptions options;
  options.filters = {16, 32};
  ExpectComplaint(options, "start", "conv1: its width, 4, is not among filters [16, 32]");
}

TEST(PlainSpaceOptionsTest, PoolBelowOnePixelIsRefused) {
  const auto [field, description] = Complaint({}, {1, 4, 4});
  EXPECT_EQ(field, "start");
  EXPECT_THAT(description, HasSubstr("does not fit images of shape [1,4,4]"));
  ExpectComplaint(WithStart({Conv(4), Layer("relu"), Pool(), Pool(), Pool(), Pool(), Pool(),
                             Layer("flatten"), Linear(10)}),
                  "start.layers[6]", "below 1x1");
}

TEST(PlainSpaceOptionsTest, LayersOfTheStartAreNamedByPlace) {
  ExpectComplaint(
      WithStart({Conv(4), Layer("relu"), Conv(5), Layer("relu"), Layer("flatten"), Linear(10)}),
      "start.layers[2]", "its width, 5, is not among filters");
  ExpectComplaint(
      WithStart({Conv(4), Layer("relu"), Conv(4, 7), Layer("relu"), Layer("flatten"), Linear(10)}),
      "start.layers[2]", "its kernel, 7, is not among kernels");
  ExpectComplaint(
      WithStart({Conv(4), Layer("relu"), Layer("flatten"), Linear(9), Layer("relu"), Linear(10)}),
      "start.layers[3]", "its width, 9, is not among units");
  ExpectComplaint(WithStart({Conv(4), Layer("relu"), Layer("flatten"), Linear(12)}),
                  "start.layers[3]", "must have 10 units");
  ExpectComplaint(WithStart({Conv(4), Layer("flatten"), Linear(10)}), "start.layers[0]",
                  "must be followed by a relu");
  ExpectComplaint(WithStart({Layer("relu"), Layer("flatten"), Linear(10)}), "start.layers[0]",
                  "must follow a convolution");
  ExpectComplaint(WithStart({Conv(4), Layer("relu"), Layer("global_average_pool")}),
                  "start.layers[2]", "must end with its classifier");
  ExpectComplaint(WithStart({Conv(4), Layer("no_such_layer")}), "start.layers[1].op", "");
}

TEST(PlainSpaceOptionsTest, StartThatIsNotAChainIsRefused) {
  LayerDef add = {"sum", "add", {}, {"a", "b"}};
  LayerDef a = Conv(4);
  a.id = "a";
  LayerDef b = Conv(4);
  b.id = "b";
  LayerDef relu = Layer("relu");
  relu.id = "r";
  b.operands = {"r"};
  LayerDef relu_b = Layer("relu");
  relu_b.id = "rb";
  add.operands = {"r", "rb"};
  ExpectComplaint(WithStart({a, relu, b, relu_b, add, Layer("flatten"), Linear(10)}),
                  "start.layers[1]", "used more than once");
}

TEST(PlainSpaceOptionsTest, ConvolutionMustKeepTheSize) {
  LayerDef strided = Conv(4);
  strided.attributes["strides"] = std::int64_t{2};
  ExpectComplaint(WithStart({strided, Layer("relu"), Layer("flatten"), Linear(10)}),
                  "start.layers[0]", "must keep the size");
  LayerDef unpadded = Conv(4);
  unpadded.attributes["padding"] = std::int64_t{0};
  ExpectComplaint(WithStart({unpadded, Layer("relu"), Layer("flatten"), Linear(10)}),
                  "start.layers[0]", "must keep the size");
  ExpectComplaint(WithStart({Conv(4, 2), Layer("relu"), Layer("flatten"), Linear(10)}),
                  "start.layers[0]", "square and odd");
}

TEST(PlainSpaceOptionsTest, StartMustTakeTheImages) {
  PlainSpaceOptions options;
  options.start = StartNetwork{testing::DemoStart().ToLayers(), {{"logits", "classifier"}}};
  EXPECT_TRUE(PlainSpace::Create(options, kGrey, 10).ok());
  const auto [field, description] = Complaint(options, {3, 32, 32});
  EXPECT_EQ(field, "start.layers[0]");
  EXPECT_THAT(description, HasSubstr("the input must be float32[N,3,32,32]"));
}

TEST(PlainSpaceOptionsTest, ImagesAndClassesAreNeeded) {
  EXPECT_FALSE(PlainSpace::Create({}, {28, 28}, 10).ok());
  EXPECT_FALSE(PlainSpace::Create({}, kGrey, 1).ok());
}

}  // namespace
}  // namespace graft::space
