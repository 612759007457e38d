// deepen_layer: an identity layer is put behind a convolution or linear layer (Net2DeeperNet: T.
// Chen, I. Goodfellow, J. Shlens, "Net2Net: accelerating learning via knowledge transfer", ICLR
// 2016).
#ifndef GRAFT_COMMON_TRANSFORM_DEEPEN_LAYER_H_
#define GRAFT_COMMON_TRANSFORM_DEEPEN_LAYER_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/transform/transformation.h"

namespace graft::transform {

inline constexpr char kDeepenLayer[] = "deepen_layer";

// A layer's unit is the convolution or linear layer, the batch norm that takes its value, if any,
// and the ReLU that takes theirs. The new unit is of the same kind and width and has a batch norm
// and a bias where the followed one has them; everything that took the followed ReLU's value takes
// the new one's. ReLU(ReLU(x)) = ReLU(x), so the identity stays one: after any other activation, or
// none, the edit is refused.
//
// Without batch norm the edit is exact. With it, the new batch norm is calibrated to the statistics
// of the followed ReLU's value x, mean m and biased variance v: running mean m, running variance v,
// shift m, scale sqrt(v + epsilon), which is the identity in inference and near to it in training.
// Its epsilon and momentum are those of the followed one.
//
// Attributes: `after`, the id of the convolution or linear layer; `kernel`, the new convolution's
// height and width, odd (stride 1, size kept; left out for a linear layer); `noise` (default
// false): the identity gets Gaussian noise of 0.001 of its standard deviation, as published, and
// the edit becomes lossy.
//
// The new layer's id is `<after>_deeper<n>` with the smallest free n ("conv1_deeper2"; following
// that one gives `conv1_deeper3`), its batch norm's and ReLU's that with `_bn` and `_relu`.
// Thread-safe.
class DeepenLayer : public Transformation {
 public:
  std::string_view name() const override { return kDeepenLayer; }
  const std::vector<arch::AttributeSpec>& attributes() const override;
  // Independent of `seed`: nothing is drawn but noise.
  absl::StatusOr<Transformed> Apply(const arch::Architecture& parent,
                                    const arch::Attributes& attributes,
                                    std::uint64_t seed) const override;
};

}  // namespace graft::transform

#endif  // GRAFT_COMMON_TRANSFORM_DEEPEN_LAYER_H_
