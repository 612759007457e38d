// Random architectures for property tests: valid by construction and small enough for finite
// differences.
#ifndef GRAFT_TESTS_PROPERTY_RANDOM_ARCHITECTURE_H_
#define GRAFT_TESTS_PROPERTY_RANDOM_ARCHITECTURE_H_

#include <cstdint>

#include "common/arch/architecture.h"
#include "common/base/rng.h"
#include "common/tensor/shape.h"

namespace graft::testing {

struct RandomArchitectureOptions {
  tensor::Shape input_shape = {2, 9, 8};  // [C, H, W]
  std::int64_t classes = 3;
  // Convolution blocks, poolings, additions and concatenations before the head, at most.
  int max_pieces = 5;
  // Filters and units, at most; at least 2.
  std::int64_t max_width = 6;
  bool batch_norm = true;
  bool pooling = true;
  bool dropout = true;
  // Additions and concatenations, one within the other up to twice.
  bool branches = true;
  // Depthwise and dilated convolutions, smooth activations, gates, learnt scales, and detours over
  // tokens.
  bool mobile = false;
};

// An architecture with one input, `input`, and one output, `logits` [classes]: a trunk of
// convolutions (also with bias, strides and oblong kernels), batch norm, ReLU, poolings, dropout,
// additions and concatenations; then a global pooling or flatten, up to two hidden linear layers
// (sometimes with a branch) and the last linear layer. Decided by `rng` alone.
arch::Architecture RandomArchitecture(base::Rng& rng,
                                      const RandomArchitectureOptions& options = {});

}  // namespace graft::testing

#endif  // GRAFT_TESTS_PROPERTY_RANDOM_ARCHITECTURE_H_
