// Networks with weights, run by a backend: what tests of transformations compare.
#ifndef GRAFT_TESTS_UNIT_TRANSFORM_TEST_NETWORK_H_
#define GRAFT_TESTS_UNIT_TRANSFORM_TEST_NETWORK_H_

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "common/arch/architecture.h"
#include "common/arch/expand.h"
#include "common/engine/backend.h"
#include "common/tensor/named_tensors.h"
#include "common/tensor/tensor.h"
#include "common/transform/transformation.h"

namespace graft::testing {

struct TestNetwork {
  arch::Architecture architecture;
  tensor::NamedTensors weights;
};

// Short-form layers into an architecture; crashes if they are not one.
arch::Architecture MakeArchitecture(std::vector<arch::LayerDef> layers,
                                    const tensor::Shape& input_shape,
                                    std::vector<arch::OutputDef> outputs = {});

// C4-P-C4-P-C4-P-C4-GAP-F8-F10 for [1, 28, 28] (seeds_a.md, 1.1: the demo's start network).
arch::Architecture DemoStart();
// C16-P-C32-P-C64-P-C128-avgP4-F256-F10 for [3, 32, 32] (seeds_a.md, 1.11).
arch::Architecture EasStart();

// [count, ...] standard normal values for the architecture's only input.
tensor::Tensor RandomImages(const arch::Architecture& architecture, int count, std::uint64_t seed);

// The architecture with weights as of a trained network: biases, scales and shifts that are not
// trivial, and running statistics that fit `images`, measured by the reference backend.
TestNetwork Settle(const arch::Architecture& architecture, const tensor::Tensor& images,
                   std::uint64_t seed);

// What runs a network where a test names no other. Thread-safe.
engine::Backend& ReferenceBackend();

// Values of output 0: [count, classes], row after row.
std::vector<float> Logits(const TestNetwork& network, const tensor::Tensor& images,
                          engine::Mode mode = engine::Mode::kInference,
                          engine::Backend& backend = ReferenceBackend());

// Mean and biased variance by channel, in inference over `images`.
std::vector<transform::ChannelStatistics> Calibrate(const TestNetwork& network,
                                                    std::span<const arch::NodeIndex> nodes,
                                                    const tensor::Tensor& images,
                                                    engine::Backend& backend = ReferenceBackend());

struct DerivedNetwork {
  TestNetwork network;
  transform::Preservation preservation = transform::Preservation::kExact;
};

// As the runner derives a child: edit by edit, each with its own seed and statistics of `images`.
// Crashes if an edit is refused.
DerivedNetwork Derive(const TestNetwork& parent, std::span<const transform::Edit> edits,
                      std::uint64_t edit_seed, const tensor::Tensor& images,
                      engine::Backend& backend = ReferenceBackend());
// For a single edit that was applied already, with its rules.
TestNetwork Inherit(const TestNetwork& parent, const transform::Transformed& transformed,
                    std::uint64_t seed, const tensor::Tensor& images,
                    engine::Backend& backend = ReferenceBackend());

// Largest |a - b| over the largest |a|.
double RelativeDifference(std::span<const float> a, std::span<const float> b);

transform::Edit Widen(std::string layer, std::int64_t width, std::string split = "uneven",
                      bool noise = false);
transform::Edit Deepen(std::string after, std::int64_t kernel, bool noise = false);

// The tensor of the parameter with this id ("conv1.weight"); crashes if there is none.
const tensor::Tensor& WeightsOf(const TestNetwork& network, const std::string& id);

}  // namespace graft::testing

#endif  // GRAFT_TESTS_UNIT_TRANSFORM_TEST_NETWORK_H_
