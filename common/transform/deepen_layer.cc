#include "common/transform/deepen_layer.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/arch/expand.h"
#include "common/base/status_macros.h"

namespace graft::transform {
namespace {

using arch::Architecture;
using arch::LayerDef;
using arch::Node;
using arch::NodeIndex;

// Standard deviation of the identity's noise over its own (published).
constexpr float kRelativeNoise = 0.001F;

constexpr char kConvolution[] = "convolution";
constexpr char kLinear[] = "linear";
constexpr char kBatchNorm[] = "batch_norm";
constexpr char kRelu[] = "relu";

// The layers that are followed.
struct Unit {
  NodeIndex layer = 0;
  std::optional<NodeIndex> batch_norm;
  NodeIndex relu = 0;
};

// Ids of the new layers.
struct UnitIds {
  std::string layer;
  std::string batch_norm;
  std::string relu;
};

// The one user of `value` with the operator `op` that takes it as its data; absent if there is none
// or several.
std::optional<NodeIndex> OnlyUser(const Architecture& parent, NodeIndex value,
                                  std::string_view op) {
  std::optional<NodeIndex> found;
  for (const NodeIndex user : parent.users(value)) {
    const Node& node = parent.node(user);
    if (node.op->name != op || node.operands[0] != value) continue;
    if (found.has_value()) return std::nullopt;
    found = user;
  }
  return found;
}

absl::StatusOr<Unit> FindUnit(const Architecture& parent, const std::string& id) {
  const std::optional<NodeIndex> layer = parent.FindNode(id);
  if (!layer.has_value()) return absl::InvalidArgumentError(absl::StrCat("there is no layer ", id));
  const std::string& op = parent.node(*layer).op->name;
  if (op != kConvolution && op != kLinear) {
    return absl::InvalidArgumentError(
        absl::StrCat(id, " is a ", op, ", expected a convolution or linear layer"));
  }
  const std::optional<NodeIndex> batch_norm = OnlyUser(parent, *layer, kBatchNorm);
  const std::optional<NodeIndex> relu = OnlyUser(parent, batch_norm.value_or(*layer), kRelu);
  if (relu.has_value()) return Unit{*layer, batch_norm, *relu};
  return absl::InvalidArgumentError(absl::StrCat(
      "a layer can follow ", id, " only after an idempotent activation (relu), which it lacks"));
}

// "conv1" of "conv1_deeper2".
std::string_view BaseId(std::string_view id) {
  constexpr std::string_view kInfix = "_deeper";
  const size_t at = id.rfind(kInfix);
  if (at == std::string_view::npos || at == 0) return id;
  const std::string_view number = id.substr(at + kInfix.size());
  const bool is_number =
      !number.empty() && number.find_first_not_of("0123456789") == std::string_view::npos;
  return is_number ? id.substr(0, at) : id;
}

// Whether no id begins with `prefix` and is, or may be taken for, a part of another unit.
bool IsFree(const Architecture& parent, const UnitIds& ids) {
  return std::ranges::none_of(parent.nodes(), [&ids](const Node& node) {
    for (const std::string* id : {&ids.layer, &ids.batch_norm, &ids.relu}) {
      if (node.id == *id || node.id.starts_with(*id + ".")) return true;
    }
    return false;
  });
}

UnitIds FreshIds(const Architecture& parent, std::string_view after) {
  // An id has at most 128 characters; the longest suffix here is "_deeper20000_bn.variance".
  const std::string base(BaseId(after).substr(0, 96));
  for (int n = 1;; ++n) {
    const std::string layer = absl::StrCat(base, "_deeper", n);
    UnitIds ids = {layer, layer + "_bn", layer + "_relu"};
    if (IsFree(parent, ids)) return ids;
  }
}

// The new unit in short form, taking the value of the followed ReLU.
std::vector<LayerDef> NewUnit(const Architecture& parent, const Unit& unit, const UnitIds& ids,
                              std::int64_t kernel) {
  const Node& followed = parent.node(unit.layer);
  const std::int64_t width = followed.type.shape.dim(arch::ChannelAxis(followed.type.shape));
  const bool is_convolution = followed.op->name == kConvolution;
  constexpr size_t kOperandsWithBias = 3;  // x, weight, bias
  LayerDef layer = {ids.layer, followed.op->name, {}, {parent.node(unit.relu).id}};
  layer.attributes["bias"] = followed.operands.size() == kOperandsWithBias;
  layer.attributes[is_convolution ? "filters" : "units"] = width;
  if (is_convolution) layer.attributes["kernel"] = std::vector<std::int64_t>{kernel, kernel};
  std::vector<LayerDef> layers = {std::move(layer)};
  if (unit.batch_norm.has_value()) {
    layers.push_back(
        {ids.batch_norm, kBatchNorm, parent.node(*unit.batch_norm).attributes, {ids.layer}});
  }
  layers.push_back({ids.relu, kRelu, {}, {layers.back().id}});
  return layers;
}

// The parent with the new unit behind the followed ReLU.
absl::StatusOr<Architecture> MakeChild(const Architecture& parent, const Unit& unit,
                                       const UnitIds& ids, std::int64_t kernel) {
  const std::string& old_value = parent.node(unit.relu).id;
  std::vector<LayerDef> layers;
  for (LayerDef& layer : parent.ToLayers()) {
    std::ranges::replace(layer.operands, old_value, ids.relu);
    const bool is_followed = layer.id == old_value;
    layers.push_back(std::move(layer));
    if (is_followed)
      std::ranges::move(NewUnit(parent, unit, ids, kernel), std::back_inserter(layers));
  }
  std::vector<arch::OutputDef> outputs = parent.ToOutputs();
  for (arch::OutputDef& output : outputs) {
    if (output.layer == old_value) output.layer = ids.relu;
  }
  return arch::Expand(std::move(layers), std::move(outputs), {});
}

// The rule of the new unit's parameter: operand `name` of its only user.
ParameterRule NewRule(const Architecture& parent, const Unit& unit, const Node& user,
                      std::string_view name, bool noise) {
  if (name == "weight") {
    return IdentityWeight{.noise = {.relative_stddev = noise ? kRelativeNoise : 0}};
  }
  if (name == "bias") return Constant{0};
  const auto epsilon = static_cast<float>(arch::GetDouble(user.attributes, "epsilon"));
  if (name == "scale") return Statistic{unit.relu, Statistic::Kind::kStandardDeviation, epsilon};
  if (name == "variance") return Statistic{unit.relu, Statistic::Kind::kVariance};
  return Statistic{unit.relu, Statistic::Kind::kMean};  // shift, mean
}

std::vector<ParameterRule> MakeRules(const Architecture& parent, const Unit& unit,
                                     const Architecture& child, bool noise) {
  std::vector<ParameterRule> rules;
  for (const NodeIndex parameter : child.parameters()) {
    const std::optional<NodeIndex> old = parent.FindNode(child.node(parameter).id);
    if (old.has_value()) {
      rules.push_back(FromParent{.parameter = *old});
      continue;
    }
    const Node& user = child.node(child.users(parameter)[0]);
    const auto position = std::ranges::find(user.operands, parameter) - user.operands.begin();
    const arch::OperandSpec& operand = arch::OperandAt(*user.op, static_cast<int>(position),
                                                       static_cast<int>(user.operands.size()));
    rules.push_back(NewRule(parent, unit, user, operand.name, noise));
  }
  return rules;
}

absl::Status CheckKernel(const Node& followed, std::int64_t kernel) {
  if (followed.op->name == kLinear) {
    if (kernel == 0) return absl::OkStatus();
    return absl::InvalidArgumentError("kernel: a linear layer has none");
  }
  if (kernel % 2 == 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("kernel: must be odd for a convolution, got ", kernel));
}

Preservation Promise(const Unit& unit, bool noise) {
  if (noise) return Preservation::kLossy;
  return unit.batch_norm.has_value() ? Preservation::kCalibrated : Preservation::kExact;
}

}  // namespace

const std::vector<arch::AttributeSpec>& DeepenLayer::attributes() const {
  static const auto& specs = *new std::vector<arch::AttributeSpec>{
      {.name = "after",
       .type = arch::AttributeType::kString,
       .summary = "id of the convolution or linear layer that is followed"},
      {.name = "kernel",
       .type = arch::AttributeType::kInt,
       .summary = "height and width of the new convolution, odd; 0 for a linear layer",
       .default_value = std::int64_t{0},
       .minimum = 0,
       .maximum = 63},
      {.name = "noise",
       .type = arch::AttributeType::kBool,
       .summary = "whether the identity gets noise",
       .default_value = false}};
  return specs;
}

absl::StatusOr<Transformed> DeepenLayer::Apply(const Architecture& parent,
                                               const arch::Attributes& attributes,
                                               std::uint64_t) const {
  const std::string& after = arch::GetString(attributes, "after");
  const std::int64_t kernel = arch::GetInt(attributes, "kernel");
  const bool noise = arch::GetBool(attributes, "noise");
  ASSIGN_OR_RETURN(const Unit unit, FindUnit(parent, after));
  RETURN_IF_ERROR(CheckKernel(parent.node(unit.layer), kernel));
  ASSIGN_OR_RETURN(Architecture child, MakeChild(parent, unit, FreshIds(parent, after), kernel));
  std::vector<ParameterRule> rules = MakeRules(parent, unit, child, noise);
  return Transformed{std::move(child), std::move(rules), Promise(unit, noise)};
}

}  // namespace graft::transform
