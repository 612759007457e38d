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
  if (last.rank() == 2) {
    layers.push_back(Layer("feature_map", {{"height", last.dim(0)}, {"width", std::int64_t{1}}}));
  }
  if (last.rank() >= 2) layers.push_back(Layer("flatten"));
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

namespace {

// Integers of the input are below this.
std::int64_t IntegerBound(const arch::Architecture& architecture, arch::NodeIndex input) {
  const arch::Node& user = architecture.node(architecture.users(input)[0]);
  const bool is_id = user.op->name == "embedding";
  return architecture.node(user.operands[is_id ? 1 : 0]).type.shape.dim(0);
}

// Whether the input is the second operand of a loss.
bool IsTarget(const arch::Architecture& architecture, arch::NodeIndex input) {
  const arch::NodeIndex user = architecture.users(input)[0];
  return user == architecture.outputs()[0].node && architecture.node(user).operands[1] == input;
}

}  // namespace

Examples::Examples(const arch::Architecture& architecture, std::int64_t count, std::uint64_t seed)
    : input_count_(architecture.inputs().size()), count_(count) {
  base::Rng rng(seed);
  for (std::size_t i = 0; i < input_count_; ++i) {
    const arch::NodeIndex input = architecture.inputs()[i];
    const arch::ValueType& type = architecture.node(input).type;
    const std::int64_t size = (type.batched ? count : 1) * type.shape.ElementCount();
    if (type.dtype == tensor::DType::kInt32) {
      const std::int64_t bound = IntegerBound(architecture, input);
      std::vector<std::int32_t>& values = i == 1 ? labels : integers_[i];
      values.resize(size);
      for (std::int32_t& value : values) value = static_cast<std::int32_t>(rng.UniformInt(bound));
    } else {
      const bool target = IsTarget(architecture, input);
      std::vector<float>& values = i == 0 ? images : floats_[i];
      values.resize(size);
      for (float& value : values) value = target ? rng.Uniform(0.05F, 0.95F) : rng.Normal();
    }
  }
}

Feed Examples::feed(std::int64_t count, std::uint64_t step_seed) const {
  Feed feed{.count = count, .inputs = {}, .step_seed = step_seed};
  for (std::size_t i = 0; i < input_count_; ++i) {
    if (floats_.contains(i)) {
      feed.inputs.push_back(floats_.at(i).data());
    } else if (integers_.contains(i)) {
      feed.inputs.push_back(integers_.at(i).data());
    } else if (i == 0) {
      feed.inputs.push_back(images.data());
    } else {
      feed.inputs.push_back(labels.data());
    }
  }
  return feed;
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
