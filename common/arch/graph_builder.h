// GraphBuilder: checks layers one at a time and puts the graph into canonical order. Internal to
// common/arch: Architecture::Create and Expand are what others use.
#ifndef GRAFT_COMMON_ARCH_GRAPH_BUILDER_H_
#define GRAFT_COMMON_ARCH_GRAPH_BUILDER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/arch/architecture.h"
#include "common/arch/architecture_graph.h"

namespace graft::arch {

// Not thread-safe. After an error the builder is of no further use.
class GraphBuilder {
 public:
  explicit GraphBuilder(const Limits& limits) : limits_(limits) {}

  // Adds a layer whose operands were added before; its index is in the order of addition. Errors
  // are field errors below `field`, the layer's place in what the user wrote ("layers[3]").
  absl::StatusOr<NodeIndex> Add(LayerDef layer, std::string field);

  // Index in the order of addition.
  std::optional<NodeIndex> Find(std::string_view id) const;
  const ValueType& type(NodeIndex index) const { return nodes_[index].type; }

  // The architecture whose outputs are these.
  absl::StatusOr<Architecture> Finish(const std::vector<OutputDef>& outputs) &&;

 private:
  absl::StatusOr<std::vector<NodeIndex>> ResolveOperands(const LayerDef& layer,
                                                         const OperatorSpec& op,
                                                         const std::string& field) const;
  absl::Status InferType(Node& node, const std::string& field) const;
  absl::Status CheckSize(const Node& node, const std::string& field);
  absl::StatusOr<std::vector<Output>> ResolveOutputs(const std::vector<OutputDef>& outputs) const;
  absl::Status CheckInputIndices() const;

  const Limits limits_;
  // In the order of addition.
  std::vector<Node> nodes_;
  std::vector<std::string> fields_;
  NodesById by_id_;
  std::int64_t parameter_elements_ = 0;
};

}  // namespace graft::arch

#endif  // GRAFT_COMMON_ARCH_GRAPH_BUILDER_H_
