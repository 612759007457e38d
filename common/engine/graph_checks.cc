#include "common/engine/graph_checks.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/engine/diverged.h"

namespace graft::engine {
namespace {

bool IsSource(const arch::Node& node) {
  return node.op->name == "input" || node.op->name == "parameter";
}

absl::Status CheckOperands(const arch::Architecture& architecture, const arch::Node& node) {
  const int count = static_cast<int>(node.operands.size());
  for (int i = 0; i < count; ++i) {
    const arch::OperandSpec& spec = arch::OperandAt(*node.op, i, count);
    const bool expected = spec.kind == arch::OperandSpec::Kind::kData;
    const bool batched = architecture.node(node.operands[i]).type.batched;
    if (batched != expected && !spec.unbatched) {
      return absl::UnimplementedError(absl::StrCat(Describe(node), ": operand ", spec.name,
                                                   expected ? " is not batched" : " is batched"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckFetch(const arch::Architecture& architecture, arch::NodeIndex node) {
  if (node < 0 || node >= static_cast<arch::NodeIndex>(architecture.nodes().size())) {
    return absl::InvalidArgumentError(absl::StrCat("there is no node ", node, " to fetch"));
  }
  const arch::Node& fetched = architecture.node(node);
  if (IsSource(fetched) || fetched.type.dtype != tensor::DType::kFloat32) {
    return absl::InvalidArgumentError(
        absl::StrCat(Describe(fetched), " cannot be fetched: it is not a computed float32 value"));
  }
  return absl::OkStatus();
}

// Integers that are fed directly: all must be in [0, count).
absl::Status CheckIntegers(const arch::Node& input, const Feed& feed, absl::string_view name,
                           std::int64_t count, absl::string_view things) {
  if (input.op->name != "input") return absl::OkStatus();
  const std::int64_t size = input.type.shape.ElementCount();
  const auto* const fed =
      static_cast<const std::int32_t*>(feed.inputs[arch::GetInt(input.attributes, "index")]);
  for (std::int64_t i = 0; i < feed.count * size; ++i) {
    if (fed[i] >= 0 && fed[i] < count) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(name, " ", fed[i], " of example ", i / size, " for ", count, " ", things));
  }
  return absl::OkStatus();
}

// What a node reads as an index.
absl::Status CheckIndices(const arch::Architecture& architecture, const arch::Node& node,
                          const Feed& feed) {
  const auto operand = [&](int i) -> const arch::Node& {
    return architecture.node(node.operands[i]);
  };
  if (node.op->name == "softmax_cross_entropy") {
    return CheckIntegers(operand(1), feed, "label", operand(0).type.shape.dim(0), "classes");
  }
  if (node.op->name == "embedding") {
    return CheckIntegers(operand(0), feed, "id", operand(1).type.shape.dim(0), "rows");
  }
  return absl::OkStatus();
}

bool IsFrozen(arch::NodeIndex node, const PlanOptions& options) {
  return std::ranges::find(options.frozen, node) != options.frozen.end();
}

// Elements a channel that a batch norm sees for one example.
std::int64_t ElementsPerChannel(const arch::Node& node) {
  return node.type.shape.ElementCount() / node.type.shape.dim(0);
}

}  // namespace

std::string Describe(const arch::Node& node) {
  return absl::StrCat("layer ", node.id, " (", node.op->name, ")");
}

absl::Status CheckCompilable(const arch::Architecture& architecture, const PlanOptions& options) {
  if (options.batch < 1) {
    return absl::InvalidArgumentError(absl::StrCat("a batch of ", options.batch));
  }
  if (options.gradients) {
    const arch::ValueType& loss = architecture.node(architecture.outputs()[0].node).type;
    if (loss.dtype != tensor::DType::kFloat32 || loss.batched || loss.shape.rank() != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("gradients need a scalar as output 0, got ", arch::ToString(loss)));
    }
  }
  for (const arch::Node& node : architecture.nodes()) {
    RETURN_IF_ERROR(CheckOperands(architecture, node));
  }
  for (const arch::Output& output : architecture.outputs()) {
    RETURN_IF_ERROR(CheckFetch(architecture, output.node));
  }
  for (const arch::NodeIndex node : options.fetch) {
    RETURN_IF_ERROR(CheckFetch(architecture, node));
  }
  return absl::OkStatus();
}

absl::Status CheckKernels(const arch::Architecture& architecture, recipe::Precision precision,
                          std::string_view backend,
                          bool (*has_kernel)(std::string_view op, recipe::Precision precision)) {
  for (const arch::Node& node : architecture.nodes()) {
    if (IsSource(node) || has_kernel(node.op->name, precision)) continue;
    return absl::UnimplementedError(absl::StrCat("the ", base::ToAbsl(backend), " backend has no ",
                                                 base::ToAbsl(recipe::NameOf(precision)),
                                                 " kernel for ", Describe(node)));
  }
  return absl::OkStatus();
}

absl::Status CheckRun(const arch::Architecture& architecture, const PlanOptions& options, Mode mode,
                      const Feed& feed, const ParameterLayout& layout,
                      const ParameterVector& parameters) {
  if (feed.count < 1 || feed.count > options.batch) {
    return absl::InvalidArgumentError(
        absl::StrCat("a run of ", feed.count, " examples on a plan for 1 to ", options.batch));
  }
  if (feed.inputs.size() != architecture.inputs().size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(feed.inputs.size(), " inputs for ", architecture.inputs().size()));
  }
  for (std::size_t i = 0; i < feed.inputs.size(); ++i) {
    if (feed.inputs[i] == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("input ", i, " is null"));
    }
  }
  if (static_cast<std::int64_t>(parameters.values().size()) != layout.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        parameters.values().size(), " parameter elements for a layout of ", layout.size()));
  }
  for (const arch::Node& node : architecture.nodes()) {
    RETURN_IF_ERROR(CheckIndices(architecture, node, feed));
  }
  if (mode == Mode::kInference || feed.count > 1) return absl::OkStatus();
  for (const arch::Node& node : architecture.nodes()) {
    if (node.op->name == "batch_norm" && ElementsPerChannel(node) == 1 &&
        !HasFrozenStatistics(node, options)) {
      return absl::InvalidArgumentError(absl::StrCat(
          Describe(node), " cannot normalise a single element a channel: train on two examples"));
    }
  }
  return absl::OkStatus();
}

std::optional<arch::NodeIndex> NonFiniteInput(const arch::Architecture& architecture,
                                              const Feed& feed) {
  for (std::size_t i = 0; i < feed.inputs.size(); ++i) {
    const arch::NodeIndex node = architecture.inputs()[i];
    const arch::ValueType& type = architecture.node(node).type;
    if (type.dtype != tensor::DType::kFloat32) continue;
    const auto size = static_cast<std::size_t>(feed.count * type.shape.ElementCount());
    if (!AllFinite({static_cast<const float*>(feed.inputs[i]), size})) return node;
  }
  return std::nullopt;
}

bool IsWanted(const arch::Architecture& architecture, const PlanOptions& options,
              arch::NodeIndex node) {
  return std::ranges::find(options.fetch, node) != options.fetch.end() ||
         std::ranges::any_of(architecture.outputs(),
                             [&](const arch::Output& output) { return output.node == node; });
}

bool HasFrozenStatistics(const arch::Node& batch_norm, const PlanOptions& options) {
  constexpr int kMean = 3;
  constexpr int kVariance = 4;
  return IsFrozen(batch_norm.operands[kMean], options) ||
         IsFrozen(batch_norm.operands[kVariance], options);
}

std::vector<bool> NodesWithGradient(const arch::Architecture& architecture,
                                    const PlanOptions& options) {
  const int count = static_cast<int>(architecture.nodes().size());
  std::vector<bool> depends_on_parameter(count, false);
  for (int i = 0; i < count; ++i) {
    const arch::Node& node = architecture.node(i);
    bool depends = node.op->name == "parameter" && arch::GetBool(node.attributes, "trainable") &&
                   !IsFrozen(i, options);
    for (const arch::NodeIndex operand : node.operands) {
      depends = depends || depends_on_parameter[operand];
    }
    depends_on_parameter[i] = depends;
  }
  std::vector<bool> wanted(count, false);
  const arch::NodeIndex loss = architecture.outputs()[0].node;
  wanted[loss] = depends_on_parameter[loss];
  for (int i = loss; i >= 0; --i) {
    if (!wanted[i]) continue;
    for (const arch::NodeIndex operand : architecture.node(i).operands) {
      wanted[operand] = depends_on_parameter[operand];
    }
  }
  return wanted;
}

}  // namespace graft::engine
