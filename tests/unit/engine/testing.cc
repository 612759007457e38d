#include "tests/unit/engine/testing.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "common/arch/expand.h"
#include "common/base/check.h"

namespace graft::engine::testing {

arch::LayerDef Layer(std::string op, arch::Attributes attributes, std::vector<std::string> operands,
                     std::string id) {
  return {.id = std::move(id),
          .op = std::move(op),
          .attributes = std::move(attributes),
          .operands = std::move(operands)};
}

arch::Architecture Network(const tensor::Shape& input, std::vector<arch::LayerDef> layers) {
  absl::StatusOr<arch::Architecture> architecture =
      arch::Expand(std::move(layers), {}, {.input_shape = input});
  GRAFT_CHECK_OK(architecture.status());
  return *std::move(architecture);
}

arch::Architecture Classifier(const tensor::Shape& input, std::vector<arch::LayerDef> layers,
                              std::int64_t classes) {
  tensor::Shape last = input;
  if (!layers.empty()) {
    const arch::Architecture body = Network(input, layers);
    last = body.node(body.outputs()[0].node).type.shape;
  }
  if (last.rank() == 3) layers.push_back(Layer("flatten"));
  layers.push_back(Layer("linear", {{"units", classes}}));
  return Network(input, std::move(layers));
}

arch::Architecture WithLoss(const arch::Architecture& architecture, double label_smoothing) {
  std::vector<arch::LayerDef> layers = architecture.ToLayers();
  const std::string logits = architecture.node(architecture.outputs()[0].node).id;
  layers.push_back(Layer("input",
                         {{"index", std::int64_t{1}},
                          {"shape", std::vector<std::int64_t>{}},
                          {"dtype", std::string("int32")}},
                         {}, "labels"));
  layers.push_back(Layer("softmax_cross_entropy", {{"label_smoothing", label_smoothing}},
                         {logits, "labels"}, "loss"));
  absl::StatusOr<arch::Architecture> result =
      arch::Architecture::Create(layers, {{"loss", "loss"}, {"logits", logits}});
  GRAFT_CHECK_OK(result.status());
  return *std::move(result);
}

Examples::Examples(const arch::Architecture& architecture, std::int64_t count, std::uint64_t seed)
    : images(count * architecture.node(architecture.inputs()[0]).type.shape.ElementCount()),
      labels(count) {
  base::Rng rng(seed);
  for (float& value : images) value = rng.Normal();
  const std::int64_t classes = architecture.node(architecture.outputs()[1].node).type.shape.dim(0);
  for (std::int32_t& label : labels) label = static_cast<std::int32_t>(rng.UniformInt(classes));
}

Feed Examples::feed(std::int64_t count, std::uint64_t step_seed) const {
  return {.count = count, .inputs = {images.data(), labels.data()}, .step_seed = step_seed};
}

ParameterVector RandomParameters(const arch::Architecture& architecture,
                                 const ParameterLayout& layout, std::uint64_t seed) {
  ParameterVector parameters = InitializeParameters(architecture, layout, seed);
  base::Rng rng(seed, 1'000'000);
  for (const ParameterLayout::Slot& slot : layout.slots()) {
    const auto initializer =
        arch::GetString(architecture.node(slot.node).attributes, "initializer");
    if (initializer != "zeros" && initializer != "ones") continue;
    for (float& value : parameters.slice(slot)) value += rng.Uniform(-0.3F, 0.3F);
  }
  return parameters;
}

double RelativeDifference(std::span<const float> a, std::span<const float> b, double floor) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double largest = floor;
  double difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i]) || !std::isfinite(b[i])) {
      return std::numeric_limits<double>::infinity();
    }
    largest = std::max(largest, std::abs(static_cast<double>(b[i])));
    difference = std::max(difference, std::abs(static_cast<double>(a[i]) - b[i]));
  }
  return difference / largest;
}

absl::Status FixedSource::StartEpoch(int) {
  ++epochs_started;
  position_ = 0;
  return absl::OkStatus();
}

absl::StatusOr<Batch> FixedSource::Next() {
  const auto total = static_cast<std::int64_t>(examples_.labels.size());
  const std::int64_t elements = static_cast<std::int64_t>(examples_.images.size()) / total;
  const Batch batch{examples_.images.data() + position_ * elements,
                    examples_.labels.data() + position_, std::min(batch_, total - position_)};
  position_ += batch.count;
  return batch;
}

std::int64_t FixedSource::batches_per_epoch() const {
  const auto total = static_cast<std::int64_t>(examples_.labels.size());
  return (total + batch_ - 1) / batch_;
}

}  // namespace graft::engine::testing
