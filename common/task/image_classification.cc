#include "common/task/image_classification.h"

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"

namespace graft::task {
namespace {

using arch::Architecture;
using arch::ValueType;

ValueType Batched(tensor::DType dtype, const tensor::Shape& shape) {
  return {.dtype = dtype, .batched = true, .shape = shape};
}

// One input [C, H, W] and one output [K].
absl::Status CheckForm(const Architecture& architecture) {
  if (architecture.inputs().size() != 1) {
    return base::InvalidFieldError("layers", absl::StrCat("an image classifier has one input, got ",
                                                          architecture.inputs().size()));
  }
  const ValueType& image = architecture.node(architecture.inputs()[0]).type;
  if (image != Batched(tensor::DType::kFloat32, image.shape) || image.shape.rank() != 3) {
    return base::InvalidFieldError("layers",
                                   "the input must be float32[N,C,H,W], got " + ToString(image));
  }
  if (architecture.outputs().size() != 1) {
    return base::InvalidFieldError(
        "outputs", absl::StrCat("an image classifier has one output, the logits, got ",
                                architecture.outputs().size()));
  }
  const ValueType& logits = architecture.node(architecture.outputs()[0].node).type;
  if (logits != Batched(tensor::DType::kFloat32, logits.shape) || logits.shape.rank() != 1) {
    return base::InvalidFieldError("outputs[0]",
                                   "the logits must be float32[N,K], got " + ToString(logits));
  }
  return absl::OkStatus();
}

// `name`, or `name` and the first number that makes it free.
template <typename IsTaken>
std::string FreeName(const std::string& name, const IsTaken& is_taken) {
  std::string candidate = name;
  for (int number = 1; is_taken(candidate); ++number) {
    candidate = absl::StrCat(name, "_", number);
  }
  return candidate;
}

void CheckIndicesKept(const Architecture& before, const Architecture& after) {
  for (std::size_t i = 0; i < before.nodes().size(); ++i) {
    GRAFT_CHECK(before.nodes()[i].id == after.nodes()[i].id) << "node " << i << " moved";
  }
}

// What the logits are compared with, and how.
struct Loss {
  std::string input;                // its name, if that is free
  std::string dtype;                // of its elements
  std::vector<std::int64_t> shape;  // of one example
  std::string op;
  arch::Attributes attributes;
};

absl::StatusOr<Architecture> WithLoss(const Architecture& architecture, const Loss& added) {
  std::vector<arch::LayerDef> layers = architecture.ToLayers();
  std::vector<arch::OutputDef> outputs = architecture.ToOutputs();
  const auto is_layer = [&](const std::string& id) {
    return architecture.FindNode(id).has_value();
  };
  const std::string input = FreeName(added.input, is_layer);
  const std::string loss = FreeName(kLoss, is_layer);
  const std::string loss_output =
      FreeName(kLoss, [&](const std::string& name) { return name == outputs[0].name; });
  layers.push_back({input,
                    "input",
                    {{"index", std::int64_t{1}}, {"shape", added.shape}, {"dtype", added.dtype}},
                    {}});
  layers.push_back({loss, added.op, added.attributes, {outputs[0].layer, input}});
  outputs.insert(outputs.begin(), {loss_output, loss});

  // `architecture` was held to its limits when it was made.
  constexpr arch::Limits kNone = {.max_nodes = std::numeric_limits<int>::max(),
                                  .max_parameters = std::numeric_limits<std::int64_t>::max(),
                                  .max_value_elements = std::numeric_limits<std::int64_t>::max()};
  absl::StatusOr<Architecture> graph = Architecture::Create(layers, outputs, kNone);
  GRAFT_CHECK_OK(graph.status());
  CheckIndicesKept(architecture, *graph);
  return graph;
}

}  // namespace

absl::Status CheckImageClassifier(const Architecture& architecture,
                                  const tensor::Shape& image_shape, std::int64_t class_count) {
  RETURN_IF_ERROR(CheckForm(architecture));
  const tensor::Shape& image = architecture.node(architecture.inputs()[0]).type.shape;
  if (image != image_shape) {
    return base::InvalidFieldError(
        "layers", absl::StrCat("the input takes images of shape ", image.ToString(),
                               ", the data set's have ", image_shape.ToString()));
  }
  const tensor::Shape& logits = architecture.node(architecture.outputs()[0].node).type.shape;
  if (logits.dim(0) != class_count) {
    return base::InvalidFieldError(
        "outputs[0]", absl::StrCat("there are ", logits.dim(0), " logits, the data set has ",
                                   class_count, " classes"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Architecture> TrainingGraph(const Architecture& architecture,
                                           double label_smoothing) {
  RETURN_IF_ERROR(CheckForm(architecture));
  return WithLoss(architecture, {.input = kLabels,
                                 .dtype = "int32",
                                 .shape = {},
                                 .op = "softmax_cross_entropy",
                                 .attributes = {{"label_smoothing", label_smoothing}}});
}

absl::StatusOr<Architecture> SoftTargetGraph(const Architecture& architecture) {
  RETURN_IF_ERROR(CheckForm(architecture));
  const arch::NodeIndex logits = architecture.outputs()[0].node;
  return WithLoss(architecture, {.input = kTargets,
                                 .dtype = "float32",
                                 .shape = {architecture.node(logits).type.shape.dim(0)},
                                 .op = "soft_label_cross_entropy",
                                 .attributes = {}});
}

}  // namespace graft::task
