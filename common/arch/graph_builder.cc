#include "common/arch/graph_builder.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/arch/operator_registry.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"

namespace graft::arch {
namespace {

constexpr std::size_t kMaxIdLength = 128;
constexpr std::size_t kMaxOutputs = 1024;
constexpr std::string_view kIdRule = "must be 1 to 128 letters, digits, '_', '-' and '.' alone";

std::string_view Message(const absl::Status& status) { return base::ToStd(status.message()); }

// "x, weight, bias (optional)"
std::string DescribeOperands(const OperatorSpec& op) {
  std::string text;
  for (const OperandSpec& operand : op.operands) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", operand.name,
                    operand.optional ? " (optional)" : "", operand.variadic ? "..." : "");
  }
  return text.empty() ? "no operands" : "the operands " + text;
}

absl::Status CheckOperandCount(const OperatorSpec& op, std::size_t given,
                               const std::string& field) {
  std::size_t least = 0;
  std::size_t most = op.operands.size();
  for (const OperandSpec& operand : op.operands) {
    if (!operand.optional) ++least;
    if (operand.variadic) most = kMaxOperands;
  }
  if (given >= least && given <= most) return absl::OkStatus();
  return base::InvalidFieldError(
      field + ".operands", absl::StrCat(op.name, " takes ", DescribeOperands(op), "; got ", given));
}

// Nodes in depth-first post-order from the outputs, operands in order: without recursion, because
// chains are long.
std::vector<NodeIndex> CanonicalOrder(const std::vector<Node>& nodes,
                                      const std::vector<Output>& outputs) {
  struct Visit {
    NodeIndex node;
    std::size_t next_operand = 0;
  };
  std::vector<NodeIndex> order;
  std::vector<bool> seen(nodes.size(), false);
  std::vector<Visit> stack;
  const auto enter = [&](NodeIndex node) {
    if (!seen[node]) {
      seen[node] = true;
      stack.push_back({node});
    }
  };
  for (const Output& output : outputs) {
    enter(output.node);
    while (!stack.empty()) {
      Visit& visit = stack.back();
      const std::vector<NodeIndex>& operands = nodes[visit.node].operands;
      if (visit.next_operand < operands.size()) {
        enter(operands[visit.next_operand++]);
      } else {
        order.push_back(visit.node);
        stack.pop_back();
      }
    }
  }
  return order;
}

}  // namespace

absl::StatusOr<NodeIndex> GraphBuilder::Add(LayerDef layer, std::string field) {
  if (nodes_.size() >= static_cast<std::size_t>(limits_.max_nodes)) {
    return base::InvalidFieldError(field, absl::StrCat("more than ", limits_.max_nodes, " layers"));
  }
  if (!IsValidId(layer.id)) return base::InvalidFieldError(field + ".id", kIdRule);
  absl::StatusOr<const OperatorSpec*> op = GetOperator(layer.op);
  if (!op.ok()) return base::InvalidFieldError(field + ".op", Message(op.status()));
  absl::StatusOr<Attributes> attributes = CheckAttributes(**op, layer.attributes);
  if (!attributes.ok()) {
    return base::PrefixFieldViolations(field + ".attributes", attributes.status());
  }
  ASSIGN_OR_RETURN(std::vector<NodeIndex> operands, ResolveOperands(layer, **op, field));
  Node node{std::move(layer.id), *op, *std::move(attributes), std::move(operands), {}};
  RETURN_IF_ERROR(InferType(node, field));
  RETURN_IF_ERROR(CheckSize(node, field));

  const NodeIndex index = static_cast<NodeIndex>(nodes_.size());
  if (!by_id_.emplace(node.id, index).second) {
    return base::InvalidFieldError(field + ".id",
                                   absl::StrCat("\"", node.id, "\" is the id of two layers"));
  }
  nodes_.push_back(std::move(node));
  fields_.push_back(std::move(field));
  return index;
}

std::optional<NodeIndex> GraphBuilder::Find(std::string_view id) const {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return std::nullopt;
  return found->second;
}

absl::StatusOr<Architecture> GraphBuilder::Finish(const std::vector<OutputDef>& outputs) && {
  ASSIGN_OR_RETURN(std::vector<Output> resolved, ResolveOutputs(outputs));
  const std::vector<NodeIndex> order = CanonicalOrder(nodes_, resolved);
  std::vector<NodeIndex> canonical_of(nodes_.size(), -1);
  for (std::size_t i = 0; i < order.size(); ++i) {
    canonical_of[order[i]] = static_cast<NodeIndex>(i);
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (canonical_of[i] < 0) {
      return base::InvalidFieldError(fields_[i],
                                     absl::StrCat("no output depends on \"", nodes_[i].id, "\""));
    }
  }
  RETURN_IF_ERROR(CheckInputIndices());

  std::vector<Node> canonical;
  canonical.reserve(order.size());
  for (const NodeIndex index : order) {
    Node node = std::move(nodes_[index]);
    for (NodeIndex& operand : node.operands) operand = canonical_of[operand];
    canonical.push_back(std::move(node));
  }
  for (Output& output : resolved) output.node = canonical_of[output.node];
  return Architecture(
      std::make_shared<const Architecture::Graph>(std::move(canonical), std::move(resolved)));
}

absl::StatusOr<std::vector<NodeIndex>> GraphBuilder::ResolveOperands(
    const LayerDef& layer, const OperatorSpec& op, const std::string& field) const {
  RETURN_IF_ERROR(CheckOperandCount(op, layer.operands.size(), field));
  std::vector<NodeIndex> operands;
  const int count = static_cast<int>(layer.operands.size());
  for (int i = 0; i < count; ++i) {
    const std::string operand_field = absl::StrCat(field, ".operands[", i, "]");
    const std::optional<NodeIndex> index = Find(layer.operands[i]);
    if (!index.has_value()) {
      const std::string shown = layer.operands[i].substr(0, kMaxIdLength);
      return base::InvalidFieldError(
          operand_field, absl::StrCat("there is no layer \"", shown, "\" before this one"));
    }
    const OperandSpec& spec = OperandAt(op, i, count);
    const bool parameter = spec.kind == OperandSpec::Kind::kParameter;
    const bool batched = type(*index).batched;
    if (parameter ? batched : !batched && !spec.unbatched) {
      return base::InvalidFieldError(operand_field,
                                     absl::StrCat(op.name, " operand ", spec.name, " must ",
                                                  parameter ? "not be" : "be", " batched"));
    }
    operands.push_back(*index);
  }
  return operands;
}

absl::Status GraphBuilder::InferType(Node& node, const std::string& field) const {
  std::vector<ValueType> types;
  for (const NodeIndex operand : node.operands) types.push_back(type(operand));
  absl::StatusOr<ValueType> inferred = node.op->infer(node.attributes, types);
  if (inferred.ok()) {
    node.type = *inferred;
    return absl::OkStatus();
  }
  if (!base::FieldViolations(inferred.status()).empty()) {
    return base::PrefixFieldViolations(field, inferred.status());
  }
  return base::InvalidFieldError(
      field, absl::StrCat(node.op->name, " \"", node.id, "\": ", inferred.status().message()));
}

absl::Status GraphBuilder::CheckSize(const Node& node, const std::string& field) {
  const std::int64_t elements = node.type.shape.ElementCount();
  if (node.op->name == "parameter") {
    // Both terms are below 2^59: no overflow.
    parameter_elements_ += elements;
    if (parameter_elements_ > limits_.max_parameters) {
      return base::InvalidFieldError(
          field, absl::StrCat("more than ", limits_.max_parameters, " parameters in all"));
    }
  } else if (elements > limits_.max_value_elements) {
    return base::InvalidFieldError(
        field, absl::StrCat("the value ", ToString(node.type), " has more than ",
                            limits_.max_value_elements, " elements an example"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Output>> GraphBuilder::ResolveOutputs(
    const std::vector<OutputDef>& outputs) const {
  if (outputs.empty() || outputs.size() > kMaxOutputs) {
    return base::InvalidFieldError(
        "outputs", absl::StrCat("must be 1 to ", kMaxOutputs, ", got ", outputs.size()));
  }
  std::vector<Output> resolved;
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::string field = absl::StrCat("outputs[", i, "]");
    if (!IsValidId(outputs[i].name)) return base::InvalidFieldError(field + ".name", kIdRule);
    if (!names.insert(outputs[i].name).second) {
      return base::InvalidFieldError(
          field + ".name", absl::StrCat("\"", outputs[i].name, "\" is the name of two outputs"));
    }
    const std::optional<NodeIndex> node = Find(outputs[i].layer);
    if (!node.has_value()) {
      const std::string shown = outputs[i].layer.substr(0, kMaxIdLength);
      return base::InvalidFieldError(field + ".layer",
                                     absl::StrCat("there is no layer \"", shown, "\""));
    }
    resolved.push_back({outputs[i].name, *node});
  }
  return resolved;
}

absl::Status GraphBuilder::CheckInputIndices() const {
  std::vector<std::size_t> inputs;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].op->name == "input") inputs.push_back(i);
  }
  std::vector<bool> taken(inputs.size(), false);
  for (const std::size_t i : inputs) {
    const auto index = static_cast<std::size_t>(GetInt(nodes_[i].attributes, "index"));
    if (index >= inputs.size() || taken[index]) {
      return base::InvalidFieldError(
          fields_[i] + ".attributes.index",
          absl::StrCat("the indices of ", inputs.size(), " inputs must be 0 to ", inputs.size() - 1,
                       ", each once; got ", index));
    }
    taken[index] = true;
  }
  return absl::OkStatus();
}

}  // namespace graft::arch
