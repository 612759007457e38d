#include "common/arch/expand.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/arch/graph_builder.h"
#include "common/arch/operator_registry.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"

namespace graft::arch {
namespace {

std::vector<std::int64_t> Dims(const tensor::Shape& shape) {
  return {shape.dims().begin(), shape.dims().end()};
}

// Gives every layer an id.
void NameLayers(std::vector<LayerDef>& layers) {
  std::set<std::string, std::less<>> taken;
  for (const LayerDef& layer : layers) taken.insert(layer.id);
  std::map<std::string, int, std::less<>> next;
  for (LayerDef& layer : layers) {
    while (layer.id.empty()) {
      std::string id = absl::StrCat(layer.op, "_", ++next[layer.op]);
      if (taken.insert(id).second) layer.id = std::move(id);
    }
  }
}

// Turns one layer after the other into its full form and adds it to the graph.
class Expander {
 public:
  explicit Expander(const Limits& limits) : builder_(limits) {}

  // As GraphBuilder::Add, for a layer in short or full form.
  absl::Status Add(LayerDef layer, const std::string& field);

  GraphBuilder&& builder() && { return std::move(builder_); }

 private:
  // Adds the parameters that the short form leaves out, as layers before it.
  absl::Status AddParameters(const OperatorSpec& op, LayerDef& layer, const std::string& field);
  absl::StatusOr<std::vector<ValueType>> DataTypes(const LayerDef& layer,
                                                   const std::string& field) const;

  GraphBuilder builder_;
  // The last layer that is not a parameter; empty at first.
  std::string previous_;
};

absl::Status Expander::Add(LayerDef layer, const std::string& field) {
  const OperatorSpec* op = FindOperator(layer.op);
  if (op != nullptr) {  // the builder reports an unknown one
    const int data_operands = DataOperandCount(*op);
    if (layer.operands.empty() && data_operands > 0) {
      if (previous_.empty()) {
        return base::InvalidFieldError(field + ".operands",
                                       "the first layer has no layer before it to take");
      }
      layer.operands.push_back(previous_);
    }
    if (op->expand != nullptr && static_cast<int>(layer.operands.size()) <= data_operands) {
      RETURN_IF_ERROR(AddParameters(*op, layer, field));
    }
  }
  const std::string id = layer.id;
  RETURN_IF_ERROR(builder_.Add(std::move(layer), field).status());
  if (op->name != "parameter") previous_ = id;
  return absl::OkStatus();
}

absl::Status Expander::AddParameters(const OperatorSpec& op, LayerDef& layer,
                                     const std::string& field) {
  Attributes given;
  for (const AttributeSpec& spec : op.construction_attributes) {
    if (auto node = layer.attributes.extract(spec.name); !node.empty())
      given.insert(std::move(node));
  }
  absl::StatusOr<Attributes> construction = CheckAttributes(op.construction_attributes, given);
  if (!construction.ok()) {
    return base::PrefixFieldViolations(field + ".attributes", construction.status());
  }
  ASSIGN_OR_RETURN(const std::vector<ValueType> data, DataTypes(layer, field));
  absl::StatusOr<std::vector<ParameterRequest>> requests =
      op.expand(*construction, data, layer.attributes);
  if (!requests.ok()) {
    return base::InvalidFieldError(
        field, absl::StrCat(op.name, " \"", layer.id, "\": ", requests.status().message()));
  }
  for (const ParameterRequest& request : *requests) {
    const OperandSpec& operand = op.operands[request.operand];
    LayerDef parameter{absl::StrCat(layer.id, ".", operand.name),
                       "parameter",
                       {{"name", operand.name},
                        {"shape", Dims(request.shape)},
                        {"initializer", std::string(Name(operand.initializer))},
                        {"trainable", operand.trainable}},
                       {}};
    layer.operands.push_back(parameter.id);
    RETURN_IF_ERROR(builder_.Add(std::move(parameter), field).status());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ValueType>> Expander::DataTypes(const LayerDef& layer,
                                                           const std::string& field) const {
  std::vector<ValueType> types;
  for (std::size_t i = 0; i < layer.operands.size(); ++i) {
    const std::optional<NodeIndex> node = builder_.Find(layer.operands[i]);
    if (!node.has_value()) {
      return base::InvalidFieldError(
          absl::StrCat(field, ".operands[", i, "]"),
          absl::StrCat("there is no layer \"", layer.operands[i].substr(0, kMaxStringLength),
                       "\" before this one"));
    }
    types.push_back(builder_.type(*node));
  }
  return types;
}

}  // namespace

absl::StatusOr<Architecture> Expand(std::vector<LayerDef> layers, std::vector<OutputDef> outputs,
                                    const ExpandOptions& options, const Limits& limits) {
  if (layers.empty()) return base::InvalidFieldError("layers", "at least one is needed");
  NameLayers(layers);
  Expander expander(limits);
  const bool has_input = std::any_of(layers.begin(), layers.end(),
                                     [](const LayerDef& layer) { return layer.op == "input"; });
  if (!has_input) {
    LayerDef input{"input", "input", {{"shape", Dims(options.input_shape)}}, {}};
    RETURN_IF_ERROR(expander.Add(std::move(input), "input_shape"));
  }
  if (outputs.empty()) outputs.push_back({"logits", layers.back().id});
  for (std::size_t i = 0; i < layers.size(); ++i) {
    RETURN_IF_ERROR(expander.Add(std::move(layers[i]), absl::StrCat("layers[", i, "]")));
  }
  return std::move(expander).builder().Finish(outputs);
}

}  // namespace graft::arch
