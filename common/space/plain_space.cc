#include "common/space/plain_space.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/check.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/space/plain_chain.h"
#include "common/space/plain_options.h"
#include "common/transform/deepen_layer.h"
#include "common/transform/widen_layer.h"

namespace graft::space {
namespace {

using Kind = LayerView::Kind;

std::vector<int> ToInts(const std::vector<std::int64_t>& values) {
  return {values.begin(), values.end()};
}

// Index of `value` in an ascending ladder; -1 if it is not there.
int IndexIn(const std::vector<int>& ladder, int value) {
  const auto found = std::ranges::lower_bound(ladder, value);
  return found != ladder.end() && *found == value ? static_cast<int>(found - ladder.begin()) : -1;
}

std::optional<int> Next(const std::vector<int>& ladder, int index) {
  if (index + 1 >= static_cast<int>(ladder.size())) return std::nullopt;
  return ladder[index + 1];
}

absl::Status NotIn(const LayerView& layer, absl::string_view what, int value,
                   absl::string_view name, const std::vector<int>& choices) {
  return base::InvalidFieldError(
      layer.id, absl::StrCat("its ", what, ", ", value, ", is not among ", name, " [",
                             absl::StrJoin(choices, ", "), "]"));
}

// a * b + c for non-negative numbers, at most 2^63 - 1.
std::int64_t SaturatingMultiplyAdd(std::int64_t a, std::int64_t b, std::int64_t c) {
  std::int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result) || __builtin_add_overflow(result, c, &result)) {
    return std::numeric_limits<std::int64_t>::max();
  }
  return result;
}

// Multiply-accumulates once `layer` has its next width: its own and its consumer's are proportional
// to its width.
std::int64_t MacsWhenWidened(const NetworkView& network, const LayerView& layer) {
  const std::int64_t each = (layer.macs + layer.consumer_macs) / layer.width;
  return SaturatingMultiplyAdd(each, *layer.wider - layer.width, network.macs);
}

// Multiply-accumulates once a layer of the same width stands behind `layer`.
std::int64_t MacsWhenDeepened(const NetworkView& network, const LayerView& layer, int kernel) {
  const std::int64_t taps = layer.kind == Kind::kConvolution ? std::int64_t{kernel} * kernel : 1;
  const std::int64_t square = std::int64_t{layer.width} * layer.width;
  return SaturatingMultiplyAdd(square * taps, layer.positions, network.macs);
}

// `edit` applied to architectures alone, which do not depend on the seed.
absl::StatusOr<arch::Architecture> ChildOf(const arch::Architecture& parent,
                                           const transform::Edit& edit) {
  ASSIGN_OR_RETURN(transform::Transformed transformed, transform::Apply(parent, edit, /*seed=*/0));
  return std::move(transformed.child);
}

absl::Status CheckStart(const PlainSpaceOptions& options, const NetworkView& view) {
  if (view.hidden_layers > options.max_layers) {
    return base::InvalidFieldError(
        "max_layers",
        absl::StrCat("must be at least ", view.hidden_layers,
                     ", the hidden layers of the start network, got ", options.max_layers));
  }
  if (view.macs > options.max_macs) {
    return base::InvalidFieldError(
        "max_macs",
        absl::StrCat("must be at least ", view.macs,
                     ", the multiply-accumulates of the start network, got ", options.max_macs));
  }
  return absl::OkStatus();
}

absl::Status CheckClassifier(const arch::Architecture& start, std::int64_t num_classes) {
  ASSIGN_OR_RETURN(const PlainChain chain, ReadPlainChain(start));
  const arch::Node& classifier = start.node(chain.classifier);
  if (classifier.type.shape.dim(0) == num_classes) return absl::OkStatus();
  return base::InvalidFieldError(
      classifier.id, absl::StrCat("the classifier must have ", num_classes,
                                  " units, one a class, not ", classifier.type.shape.dim(0)));
}

absl::Status CheckInput(const arch::Architecture& start, const tensor::Shape& input_shape) {
  const arch::Node& input = start.node(start.inputs()[0]);
  const arch::ValueType expected = {tensor::DType::kFloat32, /*batched=*/true, input_shape};
  if (input.type == expected) return absl::OkStatus();
  return base::InvalidFieldError(
      input.id, absl::StrCat("the input must be ", arch::ToString(expected),
                             " as the images are, not ", arch::ToString(input.type)));
}

}  // namespace

StartNetwork DemoStart(std::int64_t num_classes) {
  StartNetwork start;
  const auto add = [&start](std::string id, std::string op, arch::Attributes attributes = {}) {
    start.layers.push_back({std::move(id), std::move(op), std::move(attributes), {}});
  };
  const auto add_activation = [&add](const std::string& layer) {
    add(layer + "_bn", "batch_norm");
    add(layer + "_relu", "relu");
  };
  constexpr int kConvolutions = 4;
  for (int i = 1; i <= kConvolutions; ++i) {
    const std::string layer = absl::StrCat("conv", i);
    add(layer, "convolution", {{"filters", std::int64_t{4}}, {"kernel", std::int64_t{3}}});
    add_activation(layer);
    const std::string pool = absl::StrCat("pool", i);
    if (i < kConvolutions) {
      add(pool, "max_pool", {{"kernel", std::int64_t{2}}});
    } else {
      add(pool, "global_average_pool");
    }
  }
  add("fc1", "linear", {{"units", std::int64_t{8}}, {"bias", false}});
  add_activation("fc1");
  add("classifier", "linear", {{"units", num_classes}});
  return start;
}

PlainSpace::PlainSpace(const PlainSpaceOptions& options, arch::Architecture start)
    : filters_(ToInts(options.filters)),
      units_(ToInts(options.units)),
      kernels_(ToInts(options.kernels)),
      max_macs_(options.max_macs),
      max_layers_(static_cast<int>(options.max_layers)),
      widen_split_(options.widen_split),
      noise_(options.noise),
      start_(std::move(start)) {}

absl::StatusOr<PlainSpace> PlainSpace::Create(const PlainSpaceOptions& options,
                                              const tensor::Shape& input_shape,
                                              std::int64_t num_classes) {
  if (input_shape.rank() != 3 || input_shape.ElementCount() < 1 || num_classes < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("the plain space needs images [C,H,W] and two classes or more, got ",
                     input_shape.ToString(), " and ", num_classes));
  }
  ASSIGN_OR_RETURN(const PlainSpaceOptions complete, CompleteOptions(options));
  ASSIGN_OR_RETURN(arch::Architecture start, ExpandStart(complete, input_shape, num_classes));
  PlainSpace space(complete, start);
  const absl::StatusOr<NetworkView> view = space.Analyze(start);
  if (!view.ok()) return AtStartLayer(complete, start, view.status());
  RETURN_IF_ERROR(AtStartLayer(complete, start, CheckInput(start, input_shape)));
  RETURN_IF_ERROR(AtStartLayer(complete, start, CheckClassifier(start, num_classes)));
  RETURN_IF_ERROR(CheckStart(complete, *view));
  space.block_count_ = static_cast<int>(view->blocks.size());
  return space;
}

int PlainSpace::vocabulary_size() const {
  return static_cast<int>(1 + filters_.size() * kernels_.size() + units_.size() + 1);
}

absl::Status PlainSpace::Classify(LayerView& layer) const {
  const int kernel_count = static_cast<int>(kernels_.size());
  const int first_linear = 1 + static_cast<int>(filters_.size()) * kernel_count;
  switch (layer.kind) {
    case Kind::kConvolution: {
      const int width = IndexIn(filters_, layer.width);
      const int kernel = IndexIn(kernels_, layer.kernel);
      if (width < 0) return NotIn(layer, "width", layer.width, "filters", filters_);
      if (kernel < 0) return NotIn(layer, "kernel", layer.kernel, "kernels", kernels_);
      layer.token = 1 + width * kernel_count + kernel;
      layer.wider = Next(filters_, width);
      break;
    }
    case Kind::kLinear: {
      const int width = IndexIn(units_, layer.width);
      if (width < 0) return NotIn(layer, "width", layer.width, "units", units_);
      layer.token = first_linear + width;
      layer.wider = Next(units_, width);
      break;
    }
    case Kind::kPool:
      layer.token = vocabulary_size() - 1;
      break;
  }
  return absl::OkStatus();
}

absl::StatusOr<NetworkView> PlainSpace::Analyze(const arch::Architecture& network) const {
  ASSIGN_OR_RETURN(PlainChain chain, ReadPlainChain(network));
  for (LayerView& layer : chain.view.layers) RETURN_IF_ERROR(Classify(layer));
  return std::move(chain.view);
}

std::vector<bool> PlainSpace::WidenMask(const NetworkView& network) const {
  std::vector<bool> mask;
  for (const LayerView& layer : network.layers) {
    mask.push_back(layer.wider.has_value() && WithinMacs(MacsWhenWidened(network, layer)));
  }
  return mask;
}

bool PlainSpace::CanDeepen(const NetworkView& network, int layer, int kernel) const {
  if (layer < 0 || layer >= static_cast<int>(network.layers.size())) return false;
  const LayerView& followed = network.layers[layer];
  if (followed.kind == Kind::kPool || network.hidden_layers >= max_layers_) return false;
  if (followed.kind == Kind::kConvolution && IndexIn(kernels_, kernel) < 0) return false;
  return WithinMacs(MacsWhenDeepened(network, followed, kernel));
}

transform::Edit PlainSpace::WidenEdit(const LayerView& layer) const {
  GRAFT_CHECK(layer.wider.has_value()) << layer.id << " has no next width";
  return {transform::kWidenLayer,
          {{"layer", layer.id},
           {"width", std::int64_t{*layer.wider}},
           {"split", std::string(transform::Name(widen_split_))},
           {"noise", noise_}}};
}

transform::Edit PlainSpace::DeepenEdit(const LayerView& layer, int kernel) const {
  transform::Edit edit = {transform::kDeepenLayer, {{"after", layer.id}, {"noise", noise_}}};
  if (layer.kind == Kind::kConvolution) edit.attributes["kernel"] = std::int64_t{kernel};
  return edit;
}

absl::StatusOr<Step> PlainSpace::Widen(const arch::Architecture& network,
                                       const std::vector<bool>& bits) const {
  Step step = {{}, network};
  ASSIGN_OR_RETURN(NetworkView view, Analyze(network));
  GRAFT_CHECK(bits.size() == view.layers.size()) << bits.size() << " bits";
  for (size_t i = 0; i < bits.size(); ++i) {
    if (!bits[i] || !WidenMask(view)[i]) continue;
    step.edits.push_back(WidenEdit(view.layers[i]));
    ASSIGN_OR_RETURN(step.child, ChildOf(step.child, step.edits.back()));
    ASSIGN_OR_RETURN(view, Analyze(step.child));
  }
  return step;
}

absl::StatusOr<Step> PlainSpace::Deepen(const arch::Architecture& network, int layer,
                                        int kernel) const {
  ASSIGN_OR_RETURN(const NetworkView view, Analyze(network));
  if (!CanDeepen(view, layer, kernel)) {
    return absl::InvalidArgumentError(
        absl::StrCat("no layer with kernel ", kernel, " may stand behind layer ", layer));
  }
  const transform::Edit edit = DeepenEdit(view.layers[layer], kernel);
  ASSIGN_OR_RETURN(arch::Architecture child, ChildOf(network, edit));
  return Step{{edit}, std::move(child)};
}

}  // namespace graft::space
