// The bits of a child's weights are part of what a trial's key promises: one child is pinned.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/rng.h"
#include "common/engine/parameters.h"
#include "common/weights/weights.h"
#include "tests/unit/transform/test_network.h"

namespace graft::transform {
namespace {

using arch::Architecture;
using testing::Deepen;
using testing::TestNetwork;
using testing::Widen;

using Ints = std::vector<std::int64_t>;

// C4k3-P-F5-F3 for [1, 6, 6], with batch norm and ReLU behind the hidden layers. Its initialisers
// need no logarithm and no cosine, whose last bits differ between math libraries.
Architecture Start() {
  return testing::MakeArchitecture(
      {{"input", "input", {{"shape", Ints{1, 6, 6}}}, {}},
       {"conv1.weight",
        "parameter",
        {{"name", std::string("weight")},
         {"shape", Ints{4, 1, 3, 3}},
         {"initializer", std::string("xavier_uniform")}},
        {}},
       {"conv1", "convolution", {{"padding", Ints{1, 1, 1, 1}}}, {"input", "conv1.weight"}},
       {"bn1", "batch_norm", {}, {}},
       {"relu1", "relu", {}, {}},
       {"pool", "max_pool", {{"kernel", std::int64_t{2}}}, {}},
       {"flat", "flatten", {}, {}},
       {"fc1", "linear", {{"units", std::int64_t{5}}, {"bias", false}}, {}},
       {"bn2", "batch_norm", {}, {}},
       {"relu2", "relu", {}, {}},
       {"classifier", "linear", {{"units", std::int64_t{3}}}, {}}},
      {1, 6, 6});
}

TEST(MaterializedBitsTest, ChildOfFixedSeedsHasThePinnedDigest) {
  const Architecture start = Start();
  const engine::ParameterLayout layout(start);
  const TestNetwork parent = {
      start,
      engine::ToTensors(start, layout, engine::InitializeParameters(start, layout, /*seed=*/7))};
  tensor::Tensor images = tensor::Tensor::Zeros(tensor::DType::kFloat32, {4, 1, 6, 6});
  base::Rng rng(8);
  for (float& value : images.mutable_floats()) value = rng.Uniform(-1.0F, 1.0F);
  const std::vector<Edit> edits = {Widen("conv1", 6), Deepen("conv1", 3), Widen("conv1_deeper1", 9),
                                   Deepen("fc1", 0), Widen("fc1", 8)};
  const TestNetwork child = testing::Derive(parent, edits, /*edit_seed=*/9, images).network;
  const auto packed = weights::PackWeights(child.weights);
  ASSERT_TRUE(packed.ok()) << packed.status();
  // Printed by tests/golden/derived_weights.py, which shares no code with this. Another value means
  // that recorded trials can no longer be repeated: raise engine::kEngineNumericsVersion with it.
  EXPECT_EQ(packed->manifest.Digest().ToString(),
            "c629fd4963c0430aae65a6edfd30a1114c2d7cfcd36f120896a2ac7a93b3008d/2657");
}

}  // namespace
}  // namespace graft::transform
