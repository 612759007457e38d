#include "common/engine/parameters.h"

#include <fnmatch.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/arch/parameter_fit.h"
#include "common/base/check.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"

namespace graft::engine {
namespace {

constexpr std::int64_t kAlignmentElements = 16;

std::int64_t RoundUp(std::int64_t count) {
  return (count + kAlignmentElements - 1) / kAlignmentElements * kAlignmentElements;
}

bool IsTrainable(const arch::Node& parameter) {
  return arch::GetBool(parameter.attributes, "trainable");
}

// fan_in = elements / axis 0, fan_out = elements / axis 1: for [O, I, kh, kw] that is I kh kw and
// O kh kw. A tensor of rank 1 counts as [O, 1].
struct Fans {
  double in = 1;
  double out = 1;
};

Fans FansOf(const tensor::Shape& shape) {
  const auto elements = static_cast<double>(std::max<std::int64_t>(shape.ElementCount(), 1));
  Fans fans;
  if (shape.rank() >= 1) fans.in = elements / static_cast<double>(shape.dim(0));
  fans.out = shape.rank() >= 2 ? elements / static_cast<double>(shape.dim(1)) : elements;
  return fans;
}

void Initialize(const arch::Node& parameter, base::Rng rng, std::span<float> values) {
  const absl::StatusOr<arch::Initializer> initializer =
      arch::ParseInitializer(arch::GetString(parameter.attributes, "initializer"));
  GRAFT_CHECK_OK(initializer.status());
  const Fans fans = FansOf(parameter.type.shape);
  switch (*initializer) {
    case arch::Initializer::kZeros:
      std::ranges::fill(values, 0.0F);
      return;
    case arch::Initializer::kOnes:
      std::ranges::fill(values, 1.0F);
      return;
    case arch::Initializer::kHeNormal: {
      const auto deviation = static_cast<float>(std::sqrt(2.0 / fans.in));
      for (float& value : values) value = deviation * rng.Normal();
      return;
    }
    case arch::Initializer::kXavierUniform: {
      const auto bound = static_cast<float>(std::sqrt(6.0 / (fans.in + fans.out)));
      for (float& value : values) value = rng.Uniform(-bound, bound);
      return;
    }
  }
}

}  // namespace

ParameterLayout::ParameterLayout(const arch::Architecture& architecture,
                                 std::span<const arch::NodeIndex> frozen)
    : slot_of_node_(architecture.nodes().size(), -1) {
  for (const bool trainable : {true, false}) {
    for (const arch::NodeIndex node : architecture.parameters()) {
      const arch::Node& parameter = architecture.node(node);
      const bool learns = IsTrainable(parameter) && std::ranges::find(frozen, node) == frozen.end();
      if (learns != trainable) continue;
      slot_of_node_[node] = static_cast<int>(slots_.size());
      const std::int64_t count = parameter.type.shape.ElementCount();
      slots_.push_back({node, size_, count, trainable});
      size_ += RoundUp(count);
    }
    if (trainable) trainable_size_ = size_;
  }
}

const ParameterLayout::Slot& ParameterLayout::slot(arch::NodeIndex node) const {
  GRAFT_CHECK(node >= 0 && node < static_cast<arch::NodeIndex>(slot_of_node_.size()) &&
              slot_of_node_[node] >= 0)
      << "node " << node << " is not a parameter";
  return slots_[slot_of_node_[node]];
}

absl::StatusOr<std::vector<arch::NodeIndex>> FrozenParameters(
    const arch::Architecture& architecture, std::span<const std::string> patterns) {
  std::vector<arch::NodeIndex> frozen;
  std::vector<bool> matches(patterns.size(), false);
  for (const arch::NodeIndex node : architecture.parameters()) {
    const std::string name = architecture.TensorName(node);
    bool found = false;
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      if (fnmatch(patterns[i].c_str(), name.c_str(), 0) != 0) continue;
      matches[i] = found = true;
    }
    if (found) frozen.push_back(node);
  }
  const auto unmatched = std::ranges::find(matches, false) - matches.begin();
  if (unmatched == static_cast<std::ptrdiff_t>(patterns.size())) return frozen;
  const auto parameters = architecture.parameters();
  const std::string names =
      parameters.empty() ? "there are none"
                         : absl::StrCat("there are ", architecture.TensorName(parameters.front()),
                                        " to ", architecture.TensorName(parameters.back()));
  return base::InvalidFieldError(absl::StrCat("frozen[", unmatched, "]"),
                                 absl::StrCat("matches no tensor; ", names));
}

ParameterVector::ParameterVector(std::int64_t size)
    : buffer_(tensor::Tensor::Zeros(tensor::DType::kFloat32, tensor::Shape({size}))) {}

ParameterVector InitializeParameters(const arch::Architecture& architecture,
                                     const ParameterLayout& layout, std::uint64_t seed) {
  ParameterVector parameters(layout.size());
  std::uint64_t stream = 0;
  for (const arch::NodeIndex node : architecture.parameters()) {
    Initialize(architecture.node(node), base::Rng(seed, stream++),
               parameters.slice(layout.slot(node)));
  }
  return parameters;
}

absl::StatusOr<ParameterVector> FromTensors(const arch::Architecture& architecture,
                                            const ParameterLayout& layout,
                                            const tensor::NamedTensors& tensors) {
  std::vector<arch::StoredTensor> stored;
  for (const auto& [name, tensor] : tensors) {
    stored.push_back({.name = name, .dtype = tensor.dtype(), .shape = tensor.shape()});
  }
  RETURN_IF_ERROR(arch::CheckParameterFit(architecture, stored));
  ParameterVector parameters(layout.size());
  for (const arch::NodeIndex node : architecture.parameters()) {
    const tensor::Tensor& tensor = *tensors.Find(architecture.TensorName(node));
    std::ranges::copy(tensor.floats(), parameters.slice(layout.slot(node)).begin());
  }
  return parameters;
}

tensor::NamedTensors ToTensors(const arch::Architecture& architecture,
                               const ParameterLayout& layout, const ParameterVector& parameters) {
  tensor::NamedTensors tensors;
  for (const arch::NodeIndex node : architecture.parameters()) {
    tensors.Set(architecture.TensorName(node),
                tensor::Tensor::FromFloats(architecture.node(node).type.shape,
                                           parameters.slice(layout.slot(node))));
  }
  return tensors;
}

}  // namespace graft::engine
