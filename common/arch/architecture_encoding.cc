#include "common/arch/architecture_encoding.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/arch/architecture_graph.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/digest/canonical.h"

namespace graft::arch {
namespace {

constexpr std::string_view kFormat = "graft.architecture.v1";
constexpr std::uint64_t kNodeFields = 3;
constexpr std::uint64_t kOutputFields = 2;
constexpr std::uint64_t kMaxOutputs = 1024;

absl::Status ExpectFields(digest::CanonicalDecoder& decoder, std::uint64_t expected) {
  ASSIGN_OR_RETURN(const std::uint64_t count, decoder.List(expected));
  if (count == expected) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a list of ", expected, " was expected, got one of ", count));
}

// The id of an earlier layer, by its index.
absl::StatusOr<std::string> DecodeReference(digest::CanonicalDecoder& decoder,
                                            const std::vector<LayerDef>& layers) {
  ASSIGN_OR_RETURN(const std::uint64_t index, decoder.U64());
  if (index < layers.size()) return layers[index].id;
  return absl::InvalidArgumentError(
      absl::StrCat("index ", index, " is none of the ", layers.size(), " nodes before"));
}

absl::StatusOr<LayerDef> DecodeNode(digest::CanonicalDecoder& decoder,
                                    const std::vector<LayerDef>& before) {
  RETURN_IF_ERROR(ExpectFields(decoder, kNodeFields));
  LayerDef layer;
  ASSIGN_OR_RETURN(layer.op, decoder.String());
  layer.id = absl::StrCat(layer.op, "_", before.size());
  ASSIGN_OR_RETURN(layer.attributes, DecodeAttributes(decoder));
  ASSIGN_OR_RETURN(const std::uint64_t operand_count, decoder.List(kMaxOperands));
  for (std::uint64_t i = 0; i < operand_count; ++i) {
    ASSIGN_OR_RETURN(std::string operand, DecodeReference(decoder, before));
    layer.operands.push_back(std::move(operand));
  }
  return layer;
}

absl::StatusOr<OutputDef> DecodeOutput(digest::CanonicalDecoder& decoder,
                                       const std::vector<LayerDef>& layers) {
  RETURN_IF_ERROR(ExpectFields(decoder, kOutputFields));
  OutputDef output;
  ASSIGN_OR_RETURN(output.name, decoder.String());
  ASSIGN_OR_RETURN(output.layer, DecodeReference(decoder, layers));
  return output;
}

}  // namespace

std::string EncodeGraph(std::span<const Node> nodes, std::span<const Output> outputs) {
  digest::CanonicalEncoder encoder;
  encoder.String(kFormat);
  encoder.List(nodes.size());
  for (const Node& node : nodes) {
    encoder.List(kNodeFields);
    encoder.String(node.op->name);
    EncodeAttributes(WithoutNeutral(node.op->attributes, node.attributes), encoder);
    encoder.List(node.operands.size());
    for (const NodeIndex operand : node.operands) encoder.U64(operand);
  }
  encoder.List(outputs.size());
  for (const Output& output : outputs) {
    encoder.List(kOutputFields);
    encoder.String(output.name);
    encoder.U64(output.node);
  }
  absl::StatusOr<std::string> bytes = std::move(encoder).Finish();
  GRAFT_CHECK_OK(bytes.status());  // checked attributes hold neither NaN nor broken UTF-8
  return *std::move(bytes);
}

std::string EncodeArchitecture(const Architecture& architecture) {
  return EncodeGraph(architecture.nodes(), architecture.outputs());
}

absl::StatusOr<Architecture> DecodeArchitecture(std::string_view bytes, const Limits& limits) {
  digest::CanonicalDecoder decoder(bytes);
  ASSIGN_OR_RETURN(const std::string_view format, decoder.String());
  if (format != kFormat) {
    return absl::InvalidArgumentError(
        absl::StrCat("not an architecture: the bytes do not begin with ", std::string(kFormat)));
  }
  ASSIGN_OR_RETURN(const std::uint64_t node_count, decoder.List(limits.max_nodes));
  std::vector<LayerDef> layers;
  for (std::uint64_t i = 0; i < node_count; ++i) {
    ASSIGN_OR_RETURN(LayerDef layer, DecodeNode(decoder, layers));
    layers.push_back(std::move(layer));
  }
  ASSIGN_OR_RETURN(const std::uint64_t output_count, decoder.List(kMaxOutputs));
  std::vector<OutputDef> outputs;
  for (std::uint64_t i = 0; i < output_count; ++i) {
    ASSIGN_OR_RETURN(OutputDef output, DecodeOutput(decoder, layers));
    outputs.push_back(std::move(output));
  }
  RETURN_IF_ERROR(decoder.ExpectEnd());
  ASSIGN_OR_RETURN(Architecture architecture, Architecture::Create(layers, outputs, limits));
  if (EncodeArchitecture(architecture) != bytes) {
    return absl::InvalidArgumentError(
        "the bytes are not canonical: nodes out of order, or an attribute left out or of another "
        "type than declared");
  }
  return architecture;
}

}  // namespace graft::arch
