// Text for people: Summary and Render.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/arch/architecture.h"

namespace graft::arch {
namespace {

// Above all inputs.
constexpr NodeIndex kRoot = -1;
// Branches within branches deeper than this are written as "...".
constexpr int kMaxDepth = 50;

std::string Pair(std::string_view prefix, std::int64_t height, std::int64_t width) {
  std::string text(prefix);
  absl::StrAppend(&text, height);
  if (width != height) absl::StrAppend(&text, "x", width);
  return text;
}

// "s2"; empty for the usual strides.
std::string Strides(const Attributes& attributes, std::int64_t usual_height,
                    std::int64_t usual_width) {
  const std::vector<std::int64_t>& strides = GetInts(attributes, "strides");
  if (strides[0] == usual_height && strides[1] == usual_width) return "";
  return Pair("s", strides[0], strides[1]);
}

// "g8" and "d2" behind a convolution; empty for the usual ones.
std::string GroupsAndDilation(const Attributes& attributes) {
  std::string text;
  const std::int64_t groups = GetInt(attributes, "groups");
  if (groups > 1) absl::StrAppend(&text, "g", groups);
  const std::vector<std::int64_t>& dilation = GetInts(attributes, "dilation");
  if (dilation[0] > 1 || dilation[1] > 1) text += Pair("d", dilation[0], dilation[1]);
  return text;
}

std::string PoolToken(std::string_view prefix, const Attributes& attributes) {
  const std::vector<std::int64_t>& kernel = GetInts(attributes, "kernel");
  const std::string window =
      kernel[0] == 2 && kernel[1] == 2 ? std::string(prefix) : Pair(prefix, kernel[0], kernel[1]);
  return window + Strides(attributes, kernel[0], kernel[1]);
}

// Whether the operator is left out of summaries because it follows from the layers around it.
bool IsSilent(const Node& node) {
  static const auto& silent = *new std::set<std::string>{
      "batch_norm", "drop_path", "dropout",    "feature_map", "flatten",   "gelu", "group_norm",
      "hard_swish", "input",     "layer_norm", "leaky_relu",  "parameter", "relu", "relu6",
      "rms_norm",   "sigmoid",   "silu",       "tanh",        "tokens"};
  return silent.contains(node.op->name);
}

class Summarizer {
 public:
  explicit Summarizer(const Architecture& architecture)
      : architecture_(architecture), written_(architecture.nodes().size(), false) {
    FindDominators();
  }

  // The way to `node` from `from`, which is kRoot or lies on every way to `node`; `from` itself is
  // not written. Long chains are a loop; only branches recurse.
  std::string Write(NodeIndex node, NodeIndex from, int depth) {
    std::vector<std::string> tokens;  // last first
    while (node != from) {
      const Node& current = architecture_.node(node);
      if (written_[node]) {
        tokens.push_back("@" + current.id);
        break;
      }
      written_[node] = true;
      const std::vector<NodeIndex> sources = Sources(node);
      if (sources.size() > 1) {
        tokens.push_back(Join(node, sources, depth));
        node = dominator_[node];
      } else {
        if (!IsSilent(current)) tokens.push_back(Token(current));
        node = sources.empty() ? kRoot : sources.front();
      }
    }
    std::reverse(tokens.begin(), tokens.end());
    return absl::StrJoin(tokens, "-");
  }

 private:
  // What the summary follows back: all operands of an addition or a concatenation, else the first.
  std::vector<NodeIndex> Sources(NodeIndex node) const {
    const Node& current = architecture_.node(node);
    if (current.operands.empty()) return {};
    const bool joins = current.op->channels == ChannelBehaviour::kJoin ||
                       current.op->channels == ChannelBehaviour::kOffset;
    return joins ? current.operands : std::vector<NodeIndex>{current.operands.front()};
  }

  // Immediate dominators from the inputs on. Operands come before their users, so that one pass is
  // enough (K. Cooper, T. Harvey, K. Kennedy, "A simple, fast dominance algorithm", 2001).
  void FindDominators() {
    const int count = static_cast<int>(architecture_.nodes().size());
    dominator_.assign(count, kRoot);
    for (NodeIndex node = 0; node < count; ++node) {
      const std::vector<NodeIndex> sources = Sources(node);
      if (sources.empty()) continue;
      NodeIndex common = sources.front();
      for (NodeIndex source : sources) {
        while (common != source) {
          NodeIndex& later = common > source ? common : source;
          later = dominator_[later];
        }
      }
      dominator_[node] = common;
    }
  }

  // "[C4k3|]add"
  std::string Join(NodeIndex node, const std::vector<NodeIndex>& sources, int depth) {
    const Node& join = architecture_.node(node);
    std::string text = "[";
    if (depth >= kMaxDepth) {
      text += "...";
    } else {
      for (std::size_t i = 0; i < sources.size(); ++i) {
        if (i > 0) text += "|";
        text += Write(sources[i], dominator_[node], depth + 1);
      }
    }
    return text + "]" + (join.op->name == "concat" ? "cat" : join.op->name);
  }

  std::string Token(const Node& node) const {
    const std::string& op = node.op->name;
    if (op == "convolution") {
      const tensor::Shape& weight = architecture_.node(node.operands[1]).type.shape;
      return absl::StrCat("C", weight.dim(0), Pair("k", weight.dim(2), weight.dim(3)),
                          GroupsAndDilation(node.attributes), Strides(node.attributes, 1, 1));
    }
    if (op == "linear") {
      return absl::StrCat("F", node.type.shape.dim(ChannelAxis(node.type.shape)));
    }
    if (op == "max_pool") return PoolToken("P", node.attributes);
    if (op == "average_pool") return PoolToken("A", node.attributes);
    if (op == "global_max_pool") return "GMP";
    if (op == "global_average_pool") return "GAP";
    if (op == "softmax_cross_entropy") return "CE";
    return op;
  }

  const Architecture& architecture_;
  std::vector<NodeIndex> dominator_;
  std::vector<bool> written_;
};

// "weight[4,1,3,3] bias[4]" and the operands' ids before it.
std::string OperandText(const Architecture& architecture, const Node& node) {
  std::vector<std::string> parts;
  for (const NodeIndex index : node.operands) {
    const Node& operand = architecture.node(index);
    if (operand.op->name == "parameter") {
      parts.push_back(GetString(operand.attributes, "name") + operand.type.shape.ToString());
    } else {
      parts.push_back(operand.id);
    }
  }
  return absl::StrJoin(parts, " ");
}

}  // namespace

std::string Summary(const Architecture& architecture) {
  Summarizer summarizer(architecture);
  const auto outputs = architecture.outputs();
  if (outputs.size() == 1) return summarizer.Write(outputs.front().node, kRoot, 0);
  std::vector<std::string> parts;
  for (const Output& output : outputs) {
    parts.push_back(absl::StrCat(output.name, ": ", summarizer.Write(output.node, kRoot, 0)));
  }
  return absl::StrJoin(parts, "; ");
}

std::string Render(const Architecture& architecture) {
  std::size_t id_width = 0;
  std::size_t op_width = 0;
  std::size_t type_width = 0;
  for (const Node& node : architecture.nodes()) {
    if (node.op->name == "parameter") continue;
    id_width = std::max(id_width, node.id.size());
    op_width = std::max(op_width, node.op->name.size());
    type_width = std::max(type_width, ToString(node.type).size());
  }
  std::string text;
  for (const Node& node : architecture.nodes()) {
    if (node.op->name == "parameter") continue;
    const std::string operands = OperandText(architecture, node);
    const std::string attributes = ToString(WithoutNeutral(node.op->attributes, node.attributes));
    std::string line = absl::StrFormat("%-*s  %-*s  %-*s  %s", id_width, node.id, op_width,
                                       node.op->name, type_width, ToString(node.type), operands);
    if (!attributes.empty())
      absl::StrAppend(&line, operands.empty() ? "" : "  ", "(", attributes, ")");
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, line, "\n");
  }
  for (const Output& output : architecture.outputs()) {
    absl::StrAppend(&text, "output ", output.name, " = ", architecture.node(output.node).id, "\n");
  }
  const Cost& cost = architecture.cost();
  absl::StrAppend(&text, cost.parameters, " parameters, ", cost.statistics, " statistics, ",
                  cost.macs, " MACs, ", cost.activation_bytes, " activation bytes an example\n");
  return text;
}

}  // namespace graft::arch
