#include "common/wire/architecture_wire.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/transform/transformation.h"
#include "common/wire/attributes_wire.h"

namespace graft::wire {
namespace {

constexpr int kMaxOutputs = 1024;

absl::Status CheckCount(const std::string& field, int count, int limit) {
  if (count <= limit) return absl::OkStatus();
  return base::InvalidFieldError(field, absl::StrCat("must be at most ", limit, ", got ", count));
}

absl::Status CheckLength(const std::string& field, const std::string& text) {
  if (text.size() <= arch::kMaxStringLength) return absl::OkStatus();
  return base::InvalidFieldError(
      field, absl::StrCat("must be at most ", arch::kMaxStringLength, " bytes long"));
}

absl::StatusOr<arch::LayerDef> LayerFromProto(const v1::Layer& proto) {
  RETURN_IF_ERROR(CheckLength("id", proto.id()));
  RETURN_IF_ERROR(CheckLength("op", proto.op()));
  RETURN_IF_ERROR(CheckCount("operands", proto.operands_size(), arch::kMaxOperands));
  for (int i = 0; i < proto.operands_size(); ++i) {
    RETURN_IF_ERROR(CheckLength(absl::StrCat("operands[", i, "]"), proto.operands(i)));
  }
  absl::StatusOr<arch::Attributes> attributes = FromProto(proto.attributes());
  if (!attributes.ok()) return base::PrefixFieldViolations("attributes", attributes.status());
  return arch::LayerDef{.id = proto.id(),
                        .op = proto.op(),
                        .attributes = *std::move(attributes),
                        .operands = {proto.operands().begin(), proto.operands().end()}};
}

absl::StatusOr<const transform::Transformation*> GetTransformation(const std::string& name) {
  RETURN_IF_ERROR(CheckLength("transformation", name));
  if (const auto* found = transform::FindTransformation(name)) return found;
  std::vector<std::string> known;
  for (const auto* transformation : transform::AllTransformations()) {
    known.emplace_back(transformation->name());
  }
  return base::InvalidFieldError("transformation",
                                 absl::StrCat("there is no transformation \"", name,
                                              "\"; there are: ", absl::StrJoin(known, ", ")));
}

}  // namespace

absl::StatusOr<Definitions> DefinitionsFromProto(const v1::Architecture& proto,
                                                 const arch::Limits& limits) {
  RETURN_IF_ERROR(CheckCount("layers", proto.layers_size(), limits.max_nodes));
  RETURN_IF_ERROR(CheckCount("outputs", proto.outputs_size(), kMaxOutputs));
  Definitions definitions;
  definitions.layers.reserve(proto.layers_size());
  for (int i = 0; i < proto.layers_size(); ++i) {
    absl::StatusOr<arch::LayerDef> layer = LayerFromProto(proto.layers(i));
    if (!layer.ok()) {
      return base::PrefixFieldViolations(absl::StrCat("layers[", i, "]"), layer.status());
    }
    definitions.layers.push_back(*std::move(layer));
  }
  for (int i = 0; i < proto.outputs_size(); ++i) {
    const v1::ArchitectureOutput& output = proto.outputs(i);
    RETURN_IF_ERROR(CheckLength(absl::StrCat("outputs[", i, "].name"), output.name()));
    RETURN_IF_ERROR(CheckLength(absl::StrCat("outputs[", i, "].layer"), output.layer()));
    definitions.outputs.push_back({output.name(), output.layer()});
  }
  return definitions;
}

v1::Architecture ToProto(const Definitions& definitions) {
  v1::Architecture proto;
  for (const arch::LayerDef& layer : definitions.layers) {
    v1::Layer& added = *proto.add_layers();
    added.set_id(layer.id);
    added.set_op(layer.op);
    *added.mutable_attributes() = ToProto(layer.attributes);
    for (const std::string& operand : layer.operands) added.add_operands(operand);
  }
  for (const arch::OutputDef& output : definitions.outputs) {
    v1::ArchitectureOutput& added = *proto.add_outputs();
    added.set_name(output.name);
    added.set_layer(output.layer);
  }
  return proto;
}

v1::Architecture ToProto(const arch::Architecture& architecture) {
  return ToProto(Definitions{architecture.ToLayers(), architecture.ToOutputs()});
}

absl::StatusOr<arch::Architecture> FromProto(const v1::Architecture& proto,
                                             const arch::Limits& limits) {
  ASSIGN_OR_RETURN(const Definitions definitions, DefinitionsFromProto(proto, limits));
  return arch::Architecture::Create(definitions.layers, definitions.outputs, limits);
}

absl::StatusOr<arch::Architecture> ExpandFromProto(const v1::Architecture& proto,
                                                   const arch::ExpandOptions& options,
                                                   const arch::Limits& limits) {
  ASSIGN_OR_RETURN(Definitions definitions, DefinitionsFromProto(proto, limits));
  return arch::Expand(std::move(definitions.layers), std::move(definitions.outputs), options,
                      limits);
}

v1::Edit ToProto(const transform::Edit& edit) {
  v1::Edit proto;
  proto.set_transformation(edit.transformation);
  *proto.mutable_attributes() = ToProto(edit.attributes);
  return proto;
}

absl::StatusOr<transform::Edit> FromProto(const v1::Edit& proto) {
  ASSIGN_OR_RETURN(const transform::Transformation* transformation,
                   GetTransformation(proto.transformation()));
  absl::StatusOr<arch::Attributes> given = FromProto(proto.attributes());
  if (!given.ok()) return base::PrefixFieldViolations("attributes", given.status());
  absl::StatusOr<arch::Attributes> checked =
      arch::CheckAttributes(transformation->attributes(), *given);
  if (!checked.ok()) return base::PrefixFieldViolations("attributes", checked.status());
  for (auto& [name, value] : *given) value = checked->at(name);
  return transform::Edit{proto.transformation(), *std::move(given)};
}

}  // namespace graft::wire
