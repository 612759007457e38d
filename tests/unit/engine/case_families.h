// The cases of the suite that visits every operator, by family. Internal to operator_cases.cc.
#ifndef GRAFT_TESTS_UNIT_ENGINE_CASE_FAMILIES_H_
#define GRAFT_TESTS_UNIT_ENGINE_CASE_FAMILIES_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "common/arch/architecture.h"

namespace graft::engine::testing {

using Ints = std::vector<std::int64_t>;
// Networks with loss, by name.
using Cases = std::vector<std::pair<std::string, arch::Architecture>>;

// Channels that are no multiple of a vector, and some that are.
inline constexpr std::int64_t kChannels[] = {1, 3, 4, 5, 12, 17, 40};

arch::LayerDef Conv(std::int64_t filters, const Ints& kernel, bool bias = false,
                    arch::Attributes more = {});

// A 1x1 convolution in front, so that the operand of what follows depends on parameters.
arch::LayerDef Stem(std::int64_t channels);

// Tokens [T, channels] that depend on parameters.
arch::LayerDef TokenStem(std::int64_t channels);

// The layers over one input, with what makes a classifier with loss of them.
arch::Architecture Around(const tensor::Shape& input, std::vector<arch::LayerDef> layers);

Cases Concatenated(std::initializer_list<Cases> parts);

// layer_cases.cc
Cases AllConvolutions();
Cases TokenLinears();
Cases Matmuls();
Cases Attentions();
Cases Embeddings();
Cases BatchNorms();
Cases GroupNorms();
Cases Relus();
Cases Dropouts();
// One operand, any shape: pictures, tokens, features; a value that two layers take.
Cases Unary(const std::string& op, const std::vector<arch::Attributes>& variants = {{}});
Cases CeilPools(const std::string& op);
Cases GlobalPools(const std::string& op);

// value_cases.cc
Cases Flattens();
Cases Joins(const std::string& op);
// Operands that are repeated, and operands that are not batched.
Cases Elementwise(const std::string& op);
Cases Slices();
Cases Pads();
Cases Transposes();
Cases Upsamples();

// graph_cases.cc
Cases PairLosses(const std::string& op, const std::vector<arch::Attributes>& variants = {{}});
Cases Losses();
Cases Inputs();
// One weight in two layers; one that is not trained.
Cases Parameters();
// Layers whose weight is computed: it is masked, sliced, quantised, a product, and taken by two
// layers.
Cases ComputedWeights(const std::string& op, const arch::Attributes& attributes);
// A low-rank weight; a mixture whose shares are learnt (H. Liu et al., "DARTS", ICLR 2019).
Cases ComputedByProduct();
Cases LearntShare();
// All shapes, and weights.
Cases Quantisers(const std::string& op, const std::vector<arch::Attributes>& variants);

}  // namespace graft::engine::testing

#endif  // GRAFT_TESTS_UNIT_ENGINE_CASE_FAMILIES_H_
