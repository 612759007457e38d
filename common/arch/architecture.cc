#include "common/arch/architecture.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/arch/architecture_graph.h"
#include "common/arch/graph_builder.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/digest/sha256.h"

namespace graft::arch {
namespace {

std::int64_t SaturatingSum(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return std::numeric_limits<std::int64_t>::max();
  return sum;
}

std::vector<ValueType> OperandTypes(const Node& node, const std::vector<Node>& nodes) {
  std::vector<ValueType> types;
  for (const NodeIndex operand : node.operands) types.push_back(nodes[operand].type);
  return types;
}

std::int64_t Macs(const Node& node, const std::vector<Node>& nodes) {
  if (node.op->cost == nullptr) return 0;
  return node.op->cost(node.attributes, OperandTypes(node, nodes), node.type).macs;
}

}  // namespace

Architecture::Graph::Graph(std::vector<Node> canonical_nodes, std::vector<Output> ordered_outputs)
    : nodes(std::move(canonical_nodes)),
      outputs(std::move(ordered_outputs)),
      fingerprint(digest::Sha256(EncodeGraph(nodes, outputs))) {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const NodeIndex index = static_cast<NodeIndex>(i);
    by_id.emplace(nodes[i].id, index);
    if (nodes[i].op->name == "input") inputs.push_back(index);
    if (nodes[i].op->name == "parameter") parameters.push_back(index);
  }
  std::sort(inputs.begin(), inputs.end(), [this](NodeIndex a, NodeIndex b) {
    return GetInt(nodes[a].attributes, "index") < GetInt(nodes[b].attributes, "index");
  });
  IndexUsers();
  AddUpCost();
}

void Architecture::Graph::IndexUsers() {
  user_begin.assign(nodes.size() + 1, 0);
  for (const Node& node : nodes) {
    for (const NodeIndex operand : node.operands) ++user_begin[operand + 1];
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) user_begin[i + 1] += user_begin[i];
  user_list.resize(user_begin.back());
  std::vector<int> next(user_begin.begin(), user_begin.end() - 1);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const NodeIndex operand : nodes[i].operands) {
      user_list[next[operand]++] = static_cast<NodeIndex>(i);
    }
  }
}

void Architecture::Graph::AddUpCost() {
  for (const Node& node : nodes) {
    const std::int64_t elements = node.type.shape.ElementCount();
    if (node.op->name == "parameter") {
      std::int64_t& sum = GetBool(node.attributes, "trainable") ? cost.parameters : cost.statistics;
      sum = SaturatingSum(sum, elements);
    } else if (node.type.batched) {
      const auto size_bytes = static_cast<std::int64_t>(tensor::SizeBytes(node.type.dtype));
      cost.activation_bytes = SaturatingSum(cost.activation_bytes, elements * size_bytes);
    }
    cost.macs = SaturatingSum(cost.macs, Macs(node, nodes));
  }
}

Architecture::Architecture(std::shared_ptr<const Graph> graph) : graph_(std::move(graph)) {}

absl::StatusOr<Architecture> Architecture::Create(const std::vector<LayerDef>& layers,
                                                  const std::vector<OutputDef>& outputs,
                                                  const Limits& limits) {
  GraphBuilder builder(limits);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    RETURN_IF_ERROR(builder.Add(layers[i], absl::StrCat("layers[", i, "]")).status());
  }
  return std::move(builder).Finish(outputs);
}

std::span<const Node> Architecture::nodes() const { return graph_->nodes; }

const Node& Architecture::node(NodeIndex index) const {
  GRAFT_CHECK(index >= 0 && static_cast<std::size_t>(index) < graph_->nodes.size())
      << "node " << index << " of " << graph_->nodes.size();
  return graph_->nodes[index];
}

std::span<const Output> Architecture::outputs() const { return graph_->outputs; }

std::span<const NodeIndex> Architecture::inputs() const { return graph_->inputs; }

std::span<const NodeIndex> Architecture::parameters() const { return graph_->parameters; }

ChannelBehaviour Architecture::channels(NodeIndex index) const {
  const Node& found = node(index);
  if (found.op->channels_of == nullptr) return found.op->channels;
  return found.op->channels_of(found.attributes, OperandTypes(found, graph_->nodes));
}

std::span<const NodeIndex> Architecture::users(NodeIndex index) const {
  node(index);  // checks the index
  const int begin = graph_->user_begin[index];
  return std::span(graph_->user_list).subspan(begin, graph_->user_begin[index + 1] - begin);
}

std::optional<NodeIndex> Architecture::FindNode(std::string_view id) const {
  const auto found = graph_->by_id.find(id);
  if (found == graph_->by_id.end()) return std::nullopt;
  return found->second;
}

std::string Architecture::TensorName(NodeIndex parameter) const {
  const Node& found = node(parameter);
  GRAFT_CHECK(found.op->name == "parameter") << "node " << parameter << " is a " << found.op->name;
  return absl::StrFormat("%05d.%s", parameter, GetString(found.attributes, "name"));
}

const digest::Fingerprint& Architecture::fingerprint() const { return graph_->fingerprint; }

const Cost& Architecture::cost() const { return graph_->cost; }

std::vector<LayerDef> Architecture::ToLayers() const {
  std::vector<LayerDef> layers;
  layers.reserve(graph_->nodes.size());
  for (const Node& node : graph_->nodes) {
    LayerDef layer{
        node.id, node.op->name, WithoutNeutral(node.op->attributes, node.attributes), {}};
    for (const NodeIndex operand : node.operands) {
      layer.operands.push_back(graph_->nodes[operand].id);
    }
    layers.push_back(std::move(layer));
  }
  return layers;
}

std::vector<OutputDef> Architecture::ToOutputs() const {
  std::vector<OutputDef> outputs;
  for (const Output& output : graph_->outputs) {
    outputs.push_back({output.name, graph_->nodes[output.node].id});
  }
  return outputs;
}

bool IsValidId(std::string_view text) {
  if (text.empty() || text.size() > 128) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '.';
  });
}

}  // namespace graft::arch
