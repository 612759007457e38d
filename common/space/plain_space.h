// PlainSpace: chains of convolutions, pools and linear layers, as in EAS (H. Cai et al., "Efficient
// architecture search by network transformation", AAAI 2018).
#ifndef GRAFT_COMMON_SPACE_PLAIN_SPACE_H_
#define GRAFT_COMMON_SPACE_PLAIN_SPACE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "common/arch/architecture.h"
#include "common/space/search_space.h"
#include "common/tensor/shape.h"
#include "common/transform/transformation.h"

namespace graft::space {

// A network as a user writes it: short form (arch/expand.h) or full.
struct StartNetwork {
  std::vector<arch::LayerDef> layers;
  std::vector<arch::OutputDef> outputs;  // empty: the last layer is the output `logits`
};

struct PlainSpaceOptions {
  // Absent: DemoStart().
  std::optional<StartNetwork> start;
  // Widths that a convolution may have, ascending. Empty: 4, 8, ..., 40.
  std::vector<std::int64_t> filters;
  // Widths that a hidden linear layer may have, ascending. Empty: 8, 16, ..., 80.
  std::vector<std::int64_t> units;
  // Kernels that convolutions may have, odd, ascending. Empty: 1, 3, 5.
  std::vector<std::int64_t> kernels;
  // Multiply-accumulates of one example that no network exceeds; at most, and if 0, 2^32.
  std::int64_t max_macs = 0;
  // Convolutions and hidden linear layers that no network exceeds. 0: 50.
  std::int64_t max_layers = 0;
  transform::WidenSplit widen_split = transform::WidenSplit::kUneven;
  // Noise on replicated and inserted weights, as published; makes every edit lossy.
  bool noise = false;
};

// C4-P-C4-P-C4-P-C4-avgP-FC8-softmax: 3x3 convolutions, 2x2 max pools, a global average pool, batch
// norm and ReLU behind each hidden layer, no biases but the classifier's. In short form.
StartNetwork DemoStart(std::int64_t num_classes);

// The form of a network, from its input on, with one value after the other and nothing shared:
//   (convolution [batch_norm] relu | pool)* (linear [batch_norm] relu)* linear
// where flatten and dropout may stand between the parts, convolutions have stride 1 and keep the
// size, and the last linear layer is the classifier and the only output.
//
// Tokens: 0 is padding; a convolution with filters[w] and kernels[k] is 1 + w |kernels| + k, then
// come the linear layers by units, then one token for all pools.
class PlainSpace : public SearchSpace {
 public:
  // `input_shape` is [C, H, W]. INVALID_ARGUMENT: a field error (base/field_error.h) with a path
  // relative to the options in proto names: `filters[2]`, `start.layers[3]`, `max_macs`.
  static absl::StatusOr<PlainSpace> Create(const PlainSpaceOptions& options,
                                           const tensor::Shape& input_shape,
                                           std::int64_t num_classes);

  const arch::Architecture& start() const override { return start_; }
  int vocabulary_size() const override;
  int block_count() const override { return block_count_; }
  std::span<const int> kernels() const override { return kernels_; }

  absl::StatusOr<NetworkView> Analyze(const arch::Architecture& network) const override;
  std::vector<bool> WidenMask(const NetworkView& network) const override;
  bool CanDeepen(const NetworkView& network, int layer, int kernel) const override;
  transform::Edit WidenEdit(const LayerView& layer) const override;
  transform::Edit DeepenEdit(const LayerView& layer, int kernel) const override;
  absl::StatusOr<Step> Widen(const arch::Architecture& network,
                             const std::vector<bool>& bits) const override;
  absl::StatusOr<Step> Deepen(const arch::Architecture& network, int layer,
                              int kernel) const override;

  // The widths, defaults filled in.
  std::span<const int> filters() const { return filters_; }
  std::span<const int> units() const { return units_; }
  std::int64_t max_macs() const { return max_macs_; }
  int max_layers() const { return max_layers_; }

 private:
  PlainSpace(const PlainSpaceOptions& options, arch::Architecture start);

  // Fills in token and next width. INVALID_ARGUMENT: the width or kernel is not of this space.
  absl::Status Classify(LayerView& layer) const;
  bool WithinMacs(std::int64_t macs) const { return macs <= max_macs_; }

  std::vector<int> filters_;
  std::vector<int> units_;
  std::vector<int> kernels_;
  std::int64_t max_macs_;
  int max_layers_;
  transform::WidenSplit widen_split_;
  bool noise_;
  arch::Architecture start_;
  int block_count_ = 0;
};

}  // namespace graft::space

#endif  // GRAFT_COMMON_SPACE_PLAIN_SPACE_H_
