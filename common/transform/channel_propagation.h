// The one algorithm for all width changes (design.md, foundation 4).
//
// A change of width gives a value of the graph a channel map. The map is a fact that spreads: each
// operator's ChannelBehaviour says what it means for the operator's operands, parameters and
// result, and the roles of a parameter's axes (AxisRole) say which of them it re-indexes. Nothing
// here knows an operator by name.
//
//   pass     the result and the operand have one map; per-channel parameters are indexed with it,
//            and an attribute that counts the channels follows (a depthwise convolution's groups)
//   join     the result and every operand have one map, so that all their producers widen together
//   offset   the result's map is the operands' maps in order, the identity where one does not
//   change map      each channel of the operand becomes a run of consecutive channels of the result
//   absorb   input axes of the weights are indexed and shared out; its own channels are independent
//   barrier  an error, as are an input and an output of the architecture
//
// A parameter that several layers share carries its map to each of them.
#ifndef GRAFT_COMMON_TRANSFORM_CHANNEL_PROPAGATION_H_
#define GRAFT_COMMON_TRANSFORM_CHANNEL_PROPAGATION_H_

#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "common/arch/architecture.h"
#include "common/transform/transformation.h"

namespace graft::transform {

// How a value's C channels become C': new channel j is old channel source[j]. Whoever consumes the
// channels multiplies what it takes from j by share[j]; the shares of a channel's copies sum to
// one.
struct ChannelMap {
  std::vector<int> source;   // [C'], each in [0, C)
  std::vector<float> share;  // [C']

  friend bool operator==(const ChannelMap&, const ChannelMap&) = default;
};

// Channel j of `channels` stays channel j.
ChannelMap IdentityMap(int channels);

// A layer that makes channels of its own (ChannelBehaviour::kAbsorb), and their map.
struct ChannelChange {
  arch::NodeIndex producer = 0;
  ChannelMap map;
};

// The parent with `changes` and all that follows from them. Ids, outputs and the order of the nodes
// stay; rules only index and share, so that the function is kept exactly.
// INVALID_ARGUMENT, naming the layer: a producer that makes no channels of its own or a map that
// does not fit it; the change reaches a barrier, an input or an output of the architecture, or
// weights that are not a plain parameter; a value would need two different maps (a concatenation
// that is added to a value whose map does not split at the operands' borders).
absl::StatusOr<Transformed> PropagateChannels(const arch::Architecture& parent,
                                              std::span<const ChannelChange> changes);

}  // namespace graft::transform

#endif  // GRAFT_COMMON_TRANSFORM_CHANNEL_PROPAGATION_H_
