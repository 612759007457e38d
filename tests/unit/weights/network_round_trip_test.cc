// A network that went through a store or a file computes the same bits as before.
#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "common/arch/architecture_encoding.h"
#include "common/base/file.h"
#include "common/blob/disk_blob_store.h"
#include "common/blob/memory_blob_store.h"
#include "common/engine/cpu/cpu_backend.h"
#include "common/weights/safetensors.h"
#include "common/weights/weights.h"
#include "tests/unit/transform/test_network.h"

namespace graft::weights {
namespace {

using graft::testing::Deepen;
using graft::testing::TestNetwork;
using graft::testing::Widen;

class NetworkRoundTripTest : public ::testing::TestWithParam<engine::Backend*> {
 protected:
  // A child of the demo's start network.
  void SetUp() override {
    const arch::Architecture start = graft::testing::DemoStart();
    images_ = graft::testing::RandomImages(start, 16, 1);
    const std::vector<transform::Edit> edits = {Widen("conv2", 7, "uneven", /*noise=*/true),
                                                Deepen("conv3", 3), Deepen("fc1", 0)};
    network_ = std::make_unique<TestNetwork>(
        graft::testing::Derive(graft::testing::Settle(start, images_, 2), edits, 3, images_)
            .network);
    // Bits that a conversion to text or to another type would lose.
    const auto bias = network_->weights
                          .FindMutable(network_->architecture.TensorName(
                              *network_->architecture.FindNode("classifier.bias")))
                          ->mutable_floats();
    bias[0] = std::nextafter(0.1F, 1.0F);
    bias[1] = FLT_TRUE_MIN;
    bias[2] = -0.0F;
    logits_ = Logits(*network_);
  }

  std::vector<float> Logits(const TestNetwork& network) const {
    return graft::testing::Logits(network, images_, engine::Mode::kInference, *GetParam());
  }

  void ExpectTheSameBits(const absl::StatusOr<tensor::NamedTensors>& weights) {
    ASSERT_TRUE(weights.ok()) << weights.status();
    EXPECT_EQ(*weights, network_->weights);
    const auto architecture =
        arch::DecodeArchitecture(arch::EncodeArchitecture(network_->architecture));
    ASSERT_TRUE(architecture.ok()) << architecture.status();
    const std::vector<float> logits = Logits({*architecture, *weights});
    ASSERT_EQ(logits.size(), 160U);
    EXPECT_EQ(std::memcmp(logits.data(), logits_.data(), logits.size() * sizeof(float)), 0);
  }

  const base::TempDir folder_ = base::TempDir::Create().value();
  tensor::Tensor images_;
  std::unique_ptr<TestNetwork> network_;
  std::vector<float> logits_;
};

TEST_P(NetworkRoundTripTest, ThroughABlobStoreInMemory) {
  blob::MemoryBlobStore store;
  const auto digest = SaveWeights(network_->weights, &store);
  ASSERT_TRUE(digest.ok()) << digest.status();
  ExpectTheSameBits(LoadWeights(*digest, &store));
}

TEST_P(NetworkRoundTripTest, ThroughABlobStoreOnDiskThatIsOpenedAgain) {
  const auto open = [&] {
    return blob::DiskBlobStore::Open({.directory = folder_.Join("store")}).value();
  };
  const auto digest = SaveWeights(network_->weights, open().get());
  ASSERT_TRUE(digest.ok()) << digest.status();
  ExpectTheSameBits(LoadWeights(*digest, open().get()));
}

TEST_P(NetworkRoundTripTest, ThroughASafetensorsFile) {
  const std::string path = folder_.Join("weights.safetensors");
  const auto bytes = EncodeSafetensors({.tensors = network_->weights});
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  ASSERT_TRUE(base::WriteFileDurably(path, *bytes).ok());
  auto contents = DecodeSafetensors(base::ReadFile(path).value());
  ASSERT_TRUE(contents.ok()) << contents.status();
  ExpectTheSameBits(std::move(contents->tensors));
}

engine::cpu::CpuBackend cpu_backend;
INSTANTIATE_TEST_SUITE_P(Backends, NetworkRoundTripTest,
                         ::testing::Values<engine::Backend*>(&graft::testing::ReferenceBackend(),
                                                             &cpu_backend),
                         [](const auto& info) { return info.param->name(); });

}  // namespace
}  // namespace graft::weights
