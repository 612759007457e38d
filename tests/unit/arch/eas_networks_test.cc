// Parameter counts of published start networks, as closed forms know them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/arch/expand.h"

namespace graft::arch {
namespace {

// Chains in which every hidden layer has no bias but a batch norm and a ReLU.
class Chain {
 public:
  Chain& Conv(std::int64_t filters) {
    layers_.push_back({"", "convolution", {{"filters", filters}, {"kernel", std::int64_t{3}}}, {}});
    return Normalise();
  }
  Chain& MaxPool() { return Add("max_pool", {{"kernel", std::int64_t{2}}}); }
  Chain& GlobalAverage() { return Add("global_average_pool", {}); }
  Chain& AveragePool(std::int64_t kernel) {
    return Add("average_pool", {{"kernel", kernel}}).Add("flatten", {});
  }
  Chain& Hidden(std::int64_t units) {
    return Add("linear", {{"units", units}, {"bias", false}}).Normalise();
  }
  Architecture Logits(std::int64_t classes, const tensor::Shape& input) {
    Add("linear", {{"units", classes}});
    auto architecture = Expand(layers_, {}, {.input_shape = input});
    EXPECT_TRUE(architecture.ok()) << architecture.status();
    return *std::move(architecture);
  }

 private:
  Chain& Add(std::string op, Attributes attributes) {
    layers_.push_back({"", std::move(op), std::move(attributes), {}});
    return *this;
  }
  Chain& Normalise() { return Add("batch_norm", {}).Add("relu", {}); }

  std::vector<LayerDef> layers_;
};

Architecture DemoStart(const tensor::Shape& input) {
  Chain chain;
  chain.Conv(4).MaxPool().Conv(4).MaxPool().Conv(4).MaxPool().Conv(4).GlobalAverage().Hidden(8);
  return chain.Logits(10, input);
}

TEST(EasNetworksTest, DemoStartNetworkHas638ParametersWithOneChannel) {
  const Architecture architecture = DemoStart({1, 28, 28});
  EXPECT_EQ(architecture.cost().parameters, 638);
  EXPECT_EQ(architecture.cost().statistics, 2 * (4 * 4 + 8));
  EXPECT_EQ(Summary(architecture), "C4k3-P-C4k3-P-C4k3-P-C4k3-GAP-F8-F10");
}

TEST(EasNetworksTest, DemoStartNetworkHas710ParametersWithThreeChannels) {
  EXPECT_EQ(DemoStart({3, 32, 32}).cost().parameters, 710);
}

TEST(EasNetworksTest, PlainStartNetworkHas133530Parameters) {
  Chain chain;
  chain.Conv(16).MaxPool().Conv(32).MaxPool().Conv(64).MaxPool().Conv(128).AveragePool(4);
  const Architecture architecture = chain.Hidden(256).Logits(10, {3, 32, 32});
  EXPECT_EQ(architecture.cost().parameters, 133'530);
  EXPECT_EQ(architecture.cost().macs, 27LL * 16 * 1024 + 144LL * 32 * 256 + 288LL * 64 * 64 +
                                          576LL * 128 * 16 + 128 * 256 + 256 * 10);
}

}  // namespace
}  // namespace graft::arch
