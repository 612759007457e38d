// The short form of layers, as people write it: parameters, ids, defaults and outputs are filled
// in.
#ifndef GRAFT_COMMON_ARCH_EXPAND_H_
#define GRAFT_COMMON_ARCH_EXPAND_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/arch/architecture.h"

namespace graft::arch {

struct ExpandOptions {
  // Type of the input that is put in front when the layers declare none; [C, H, W] without batch.
  tensor::Shape input_shape;
};

// Turns short-form layers into an Architecture:
// - without an `input` layer, one named `input` with `input_shape` goes in front;
// - an empty id becomes the operator's name and a number (`convolution_1`);
// - a layer without operands takes the layer before it as its first data operand;
// - an operator whose parameter operands are left out makes them from its construction attributes
//   (OperatorSpec::expand); they are named `<layer>.<operand>`;
// - without outputs, the last layer is the output `logits`.
// A layer in full form is left as it is. INVALID_ARGUMENT as of Architecture::Create.
absl::StatusOr<Architecture> Expand(std::vector<LayerDef> layers, std::vector<OutputDef> outputs,
                                    const ExpandOptions& options, const Limits& limits = {});

}  // namespace graft::arch

#endif  // GRAFT_COMMON_ARCH_EXPAND_H_
