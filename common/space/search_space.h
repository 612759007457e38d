// SearchSpace: which networks a search may visit, and how a policy sees and changes them.
//
// A policy sees a network as a sequence of tokens, one a layer, and acts on positions of that
// sequence: it widens layers to the next width of their ladder and puts identity layers behind
// layers. The space turns actions into edits and says which are legal.
#ifndef GRAFT_COMMON_SPACE_SEARCH_SPACE_H_
#define GRAFT_COMMON_SPACE_SEARCH_SPACE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/arch/architecture.h"
#include "common/transform/edit.h"

namespace graft::space {

// A layer as policies see it. The classifier is none.
struct LayerView {
  enum class Kind { kConvolution, kLinear, kPool };
  Kind kind = Kind::kPool;
  std::string id;
  int width = 0;   // channels
  int kernel = 0;  // height and width; 0 unless a convolution
  // In [1, vocabulary_size()); equal for layers that differ in nothing but their place. 0 is
  // padding.
  int token = 0;
  // The next width of the ladder; absent for pools and at the ladder's end.
  std::optional<int> wider;
  std::int64_t macs = 0;           // its own, of one example
  std::int64_t consumer_macs = 0;  // of the layer that takes its channels
  std::int64_t positions = 1;      // height times width of its value
};

// Layers that a policy chooses among: the convolutions between two pools, or the hidden linear
// layers.
struct BlockView {
  LayerView::Kind kind = LayerView::Kind::kConvolution;
  std::vector<int> layers;  // indices into NetworkView::layers, ascending
};

// A network of the space.
struct NetworkView {
  std::vector<LayerView> layers;
  // All networks of a space have as many blocks. The last one holds the hidden linear layers and
  // may be empty.
  std::vector<BlockView> blocks;
  std::int64_t macs = 0;  // of one example
  int hidden_layers = 0;  // convolutions and linear layers but for the classifier
};

// Edits and what they arrive at.
struct Step {
  std::vector<transform::Edit> edits;
  arch::Architecture child;
};

// Thread-safe: immutable.
class SearchSpace {
 public:
  virtual ~SearchSpace() = default;

  virtual const arch::Architecture& start() const = 0;

  // Tokens are below this; padding (0) included.
  virtual int vocabulary_size() const = 0;
  // Blocks of every network of the space.
  virtual int block_count() const = 0;
  // Kernels that an inserted convolution may have, ascending.
  virtual std::span<const int> kernels() const = 0;

  // INVALID_ARGUMENT, naming the layer: the network is not of this space.
  virtual absl::StatusOr<NetworkView> Analyze(const arch::Architecture& network) const = 0;

  // By layer: whether it, alone, may be widened to its next width within all limits.
  virtual std::vector<bool> WidenMask(const NetworkView& network) const = 0;
  // Whether a layer may be put behind layers[layer] within all limits. `kernel` is ignored behind a
  // linear layer.
  virtual bool CanDeepen(const NetworkView& network, int layer, int kernel) const = 0;

  // The edits of these actions, which must be legal as of the two functions above.
  virtual transform::Edit WidenEdit(const LayerView& layer) const = 0;
  virtual transform::Edit DeepenEdit(const LayerView& layer, int kernel) const = 0;

  // Widens the layers whose bit is set, one bit a layer of the network's view, in order. A bit that
  // is not legal once those before it are applied is skipped: limits hold for the child, and the
  // edits are those really made. INVALID_ARGUMENT as of Analyze.
  virtual absl::StatusOr<Step> Widen(const arch::Architecture& network,
                                     const std::vector<bool>& bits) const = 0;
  // Puts a layer behind layers[layer] of the network's view. INVALID_ARGUMENT also if CanDeepen
  // says no.
  virtual absl::StatusOr<Step> Deepen(const arch::Architecture& network, int layer,
                                      int kernel) const = 0;
};

}  // namespace graft::space

#endif  // GRAFT_COMMON_SPACE_SEARCH_SPACE_H_
