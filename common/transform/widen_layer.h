// widen_layer: a convolution or linear layer gets more channels (Net2WiderNet: T. Chen, I.
// Goodfellow, J. Shlens, "Net2Net: accelerating learning via knowledge transfer", ICLR 2016).
#ifndef GRAFT_COMMON_TRANSFORM_WIDEN_LAYER_H_
#define GRAFT_COMMON_TRANSFORM_WIDEN_LAYER_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/transform/channel_propagation.h"
#include "common/transform/transformation.h"

namespace graft::transform {

inline constexpr char kWidenLayer[] = "widen_layer";

// The new channels are copies of random old ones; what consumes them is shared out, so that the
// function stays exactly. Works on any graph: joined layers widen together.
//
// Attributes: `layer`, the id of a convolution or linear layer; `width`, its new number of
// channels, above the old one; `split`, "uneven" (default) or "even": with an even split the copies
// stay equal for ever (design.md, foundation 5); `noise` (default false): the copies' own weights
// get Gaussian noise of 0.01 of their standard deviation, as published, and the edit becomes lossy.
// Thread-safe.
class WidenLayer : public Transformation {
 public:
  std::string_view name() const override { return kWidenLayer; }
  const std::vector<arch::AttributeSpec>& attributes() const override;
  absl::StatusOr<Transformed> Apply(const arch::Architecture& parent,
                                    const arch::Attributes& attributes,
                                    std::uint64_t seed) const override;
};

// The map of `old_width` channels to `new_width` > old_width: source[j] = j for the old ones,
// uniform in [0, old_width) beyond. Uneven shares are proportional to draws from U(0.5, 1.5) and
// multiples of 2^-24 whose sum over a channel's copies is exactly one; even ones are equal, as near
// to one over the number of copies as a float is.
ChannelMap RandomWidening(int old_width, int new_width, WidenSplit split, std::uint64_t seed);

// "uneven" or "even", as in the attribute `split`.
std::string_view Name(WidenSplit split);

}  // namespace graft::transform

#endif  // GRAFT_COMMON_TRANSFORM_WIDEN_LAYER_H_
