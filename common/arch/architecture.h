// Architecture: an immutable, validated graph of layers with named, typed inputs and outputs.
//
// Every value of the graph is the single result of a node. Inputs are nodes with the operator
// `input`, weights are nodes with the operator `parameter`: a layer takes its weights as operands
// (design.md, foundation 2).
//
// Canonical order. Nodes are numbered in depth-first post-order from the ordered outputs, operands
// visited in order; node i of `nodes()` has canonical index i, and operands have smaller indices
// than their user. The fingerprint hashes the nodes in that order without their ids (see
// architecture_encoding.h), so that it depends on content and not on history. Appending further
// outputs (a loss over the logits) keeps the indices of all earlier nodes.
#ifndef GRAFT_COMMON_ARCH_ARCHITECTURE_H_
#define GRAFT_COMMON_ARCH_ARCHITECTURE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/arch/attributes.h"
#include "common/arch/operator_spec.h"
#include "common/digest/typed_digest.h"

namespace graft::arch {

using NodeIndex = int;

// A layer by name, as it is written down.
struct LayerDef {
  // Unique label: letters, digits, '_', '-', '.'; at most 128 characters.
  std::string id;
  std::string op;
  Attributes attributes;
  std::vector<std::string> operands;
};

struct OutputDef {
  std::string name;  // as an id, unique among the outputs
  std::string layer;
};

// A checked node.
struct Node {
  std::string id;
  const OperatorSpec* op = nullptr;
  Attributes attributes;  // defaults filled in
  std::vector<NodeIndex> operands;
  ValueType type;
};

struct Output {
  std::string name;
  NodeIndex node = 0;
};

// Bounds that every architecture keeps, checked before anything is computed from it.
struct Limits {
  int max_nodes = 20'000;
  std::int64_t max_parameters = std::int64_t{1} << 33;
  std::int64_t max_value_elements = std::int64_t{1} << 31;  // of one example
};

// Totals over the graph; shared nodes count once. Saturating.
struct Cost {
  std::int64_t parameters = 0;        // elements of trainable parameters
  std::int64_t statistics = 0;        // elements of parameters that are not trainable
  std::int64_t macs = 0;              // one forward pass of one example
  std::int64_t activation_bytes = 0;  // all batched values of one example
};

// Thread-safe: immutable. Copies share the graph.
class Architecture {
 public:
  // Checks ids, operators, attributes, operands, types and limits. The layers may come in any order
  // that has each after its operands. A layer that no output depends on is an error.
  // INVALID_ARGUMENT: a field error (base/field_error.h) at `layers[i]...` or `outputs[i]`.
  static absl::StatusOr<Architecture> Create(const std::vector<LayerDef>& layers,
                                             const std::vector<OutputDef>& outputs,
                                             const Limits& limits = {});

  // Nodes in canonical order.
  std::span<const Node> nodes() const;
  const Node& node(NodeIndex index) const;
  std::span<const Output> outputs() const;
  // `input` nodes, in order of their attribute `index`.
  std::span<const NodeIndex> inputs() const;
  // `parameter` nodes in canonical order, statistics included.
  std::span<const NodeIndex> parameters() const;
  // What the node does with channels.
  ChannelBehaviour channels(NodeIndex index) const;
  // Users of each node's value, in canonical order, once per use.
  std::span<const NodeIndex> users(NodeIndex index) const;

  std::optional<NodeIndex> FindNode(std::string_view id) const;

  // Name under which a parameter's tensor is stored: canonical index and name, "00012.weight".
  std::string TensorName(NodeIndex parameter) const;

  const digest::Fingerprint& fingerprint() const;
  const Cost& cost() const;

  // The nodes as definitions, in canonical order: Create(ToLayers(), ToOutputs()) is the identity.
  std::vector<LayerDef> ToLayers() const;
  std::vector<OutputDef> ToOutputs() const;

 private:
  friend class GraphBuilder;
  struct Graph;
  explicit Architecture(std::shared_ptr<const Graph> graph);
  std::shared_ptr<const Graph> graph_;
};

// Whether `text` may be the id of a layer or the name of an output.
bool IsValidId(std::string_view text);

// One line for people: "C4k3-P-C4k3-P-C8k3-GAP-F8-F10" for chains; branches in brackets, an
// addition as "[C4k3|]add", a concatenation as "[C4k3|C4k1]cat" (an empty branch is the identity).
// Layers that follow from the others (normalisation, activation, flatten, dropout) are left out.
// "g6" are a convolution's groups, "d2" its dilation. "@id" stands for a layer that was written
// before.
std::string Summary(const Architecture& architecture);

// One line a layer, parameters folded into their layer: for `graft show`.
std::string Render(const Architecture& architecture);

}  // namespace graft::arch

#endif  // GRAFT_COMMON_ARCH_ARCHITECTURE_H_
