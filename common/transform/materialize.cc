// Materialize(): rules and a parent's tensors become a child's tensors.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/rng.h"
#include "common/base/status_macros.h"
#include "common/transform/random_streams.h"
#include "common/transform/transformation.h"

namespace graft::transform {
namespace {

using tensor::Shape;
using tensor::Tensor;

// A tensor seen along one axis: [outer, length, inner].
struct AxisView {
  std::int64_t outer = 1;
  std::int64_t length = 1;
  std::int64_t inner = 1;
};

AxisView ViewAlong(const Shape& shape, int axis) {
  AxisView view;
  for (int i = 0; i < shape.rank(); ++i) {
    (i < axis ? view.outer : i == axis ? view.length : view.inner) *= shape.dim(i);
  }
  return view;
}

Shape WithDimension(const Shape& shape, int axis, std::int64_t length) {
  std::vector<std::int64_t> dims(shape.dims().begin(), shape.dims().end());
  dims[axis] = length;
  absl::StatusOr<Shape> changed = Shape::Create(dims);
  GRAFT_CHECK_OK(changed.status());
  return *changed;
}

Tensor Gather(const Tensor& from, const AxisMap& map) {
  const AxisView view = ViewAlong(from.shape(), map.axis);
  const auto length = static_cast<std::int64_t>(map.source.size());
  Tensor to = Tensor::Zeros(tensor::DType::kFloat32, WithDimension(from.shape(), map.axis, length));
  const std::span<const float> old_values = from.floats();
  const std::span<float> new_values = to.mutable_floats();
  for (std::int64_t outer = 0; outer < view.outer; ++outer) {
    for (std::int64_t j = 0; j < length; ++j) {
      const int source = map.source[j];
      if (source < 0) continue;
      const float share = map.share.empty() ? 1.0F : map.share[j];
      const float* in = &old_values[(outer * view.length + source) * view.inner];
      float* out = &new_values[(outer * length + j) * view.inner];
      for (std::int64_t i = 0; i < view.inner; ++i) out[i] = in[i] * share;
    }
  }
  return to;
}

// Standard deviation of the elements with index >= first along the noise's axis.
double StandardDeviation(std::span<const float> values, const AxisView& view, std::int64_t first) {
  double sum = 0;
  double sum_of_squares = 0;
  std::int64_t count = 0;
  const std::int64_t row = view.length * view.inner;
  for (std::int64_t outer = 0; outer < view.outer; ++outer) {
    for (std::int64_t i = first * view.inner; i < row; ++i) {
      const double value = values[outer * row + i];
      sum += value;
      sum_of_squares += value * value;
      ++count;
    }
  }
  if (count == 0) return 0;
  const double mean = sum / static_cast<double>(count);
  return std::sqrt(std::max(0.0, sum_of_squares / static_cast<double>(count) - mean * mean));
}

void AddNoise(const Noise& noise, base::Rng rng, Tensor& tensor) {
  if (noise.relative_stddev == 0) return;
  const AxisView view = ViewAlong(tensor.shape(), std::max(noise.axis, 0));
  const std::int64_t first = noise.axis < 0 ? 0 : noise.first;
  const std::span<float> values = tensor.mutable_floats();
  const auto stddev =
      static_cast<float>(StandardDeviation(values, view, first)) * noise.relative_stddev;
  const std::int64_t row = view.length * view.inner;
  for (std::int64_t outer = 0; outer < view.outer; ++outer) {
    for (std::int64_t i = first * view.inner; i < row; ++i) {
      values[outer * row + i] += stddev * rng.Normal();
    }
  }
}

Tensor Identity(const Shape& shape) {
  Tensor tensor = Tensor::Zeros(tensor::DType::kFloat32, shape);
  const std::int64_t inputs = shape.dim(1);
  const std::int64_t taps = shape.ElementCount() / (shape.dim(0) * inputs);
  for (std::int64_t i = 0; i < std::min(shape.dim(0), inputs); ++i) {
    tensor.mutable_floats()[(i * inputs + i) * taps + taps / 2] = 1;
  }
  return tensor;
}

// Makes one tensor a call, one overload a rule.
class TensorMaker {
 public:
  TensorMaker(const arch::Architecture& parent, const tensor::NamedTensors& weights,
              std::span<const ChannelStatistics> statistics)
      : parent_(parent), weights_(weights), statistics_(statistics) {}

  // `shape` is the child's, `rng` the parameter's own.
  absl::StatusOr<Tensor> operator()(const FromParent& rule, const Shape& shape,
                                    const base::Rng& rng) const;
  absl::StatusOr<Tensor> operator()(const IdentityWeight& rule, const Shape& shape,
                                    const base::Rng& rng) const;
  absl::StatusOr<Tensor> operator()(const Constant& rule, const Shape& shape,
                                    const base::Rng& rng) const;
  absl::StatusOr<Tensor> operator()(const Statistic& rule, const Shape& shape,
                                    const base::Rng& rng) const;

 private:
  absl::StatusOr<const Tensor*> FindWeights(arch::NodeIndex parameter) const;

  const arch::Architecture& parent_;
  const tensor::NamedTensors& weights_;
  std::span<const ChannelStatistics> statistics_;
};

absl::StatusOr<const Tensor*> TensorMaker::FindWeights(arch::NodeIndex parameter) const {
  const std::string name = parent_.TensorName(parameter);
  const Tensor* tensor = weights_.Find(name);
  if (tensor == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("the parent's weights lack tensor ", name));
  }
  const Shape& expected = parent_.node(parameter).type.shape;
  if (tensor->dtype() != tensor::DType::kFloat32 || tensor->shape() != expected) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor ", name, " of the parent's weights has shape ",
                     tensor->shape().ToString(), ", expected float32 ", expected.ToString()));
  }
  return tensor;
}

absl::StatusOr<Tensor> TensorMaker::operator()(const FromParent& rule, const Shape& shape,
                                               const base::Rng& rng) const {
  ASSIGN_OR_RETURN(const Tensor* parent, FindWeights(rule.parameter));
  Tensor tensor = *parent;
  for (const AxisMap& map : rule.axes) tensor = Gather(tensor, map);
  AddNoise(rule.noise, rng, tensor);
  return tensor;
}

absl::StatusOr<Tensor> TensorMaker::operator()(const IdentityWeight& rule, const Shape& shape,
                                               const base::Rng& rng) const {
  Tensor tensor = Identity(shape);
  AddNoise(rule.noise, rng, tensor);
  return tensor;
}

absl::StatusOr<Tensor> TensorMaker::operator()(const Constant& rule, const Shape& shape,
                                               const base::Rng&) const {
  Tensor tensor = Tensor::Zeros(tensor::DType::kFloat32, shape);
  std::ranges::fill(tensor.mutable_floats(), rule.value);
  return tensor;
}

absl::StatusOr<Tensor> TensorMaker::operator()(const Statistic& rule, const Shape& shape,
                                               const base::Rng&) const {
  const std::string& id = parent_.node(rule.value).id;
  const auto found = std::ranges::find(statistics_, rule.value, &ChannelStatistics::value);
  if (found == statistics_.end()) {
    return absl::InvalidArgumentError(absl::StrCat("no statistics were recorded for ", id));
  }
  const std::vector<float>& values =
      rule.kind == Statistic::Kind::kMean ? found->mean : found->variance;
  if (static_cast<std::int64_t>(values.size()) != shape.ElementCount()) {
    return absl::InvalidArgumentError(absl::StrCat("the statistics of ", id, " are of ",
                                                   values.size(), " channels, expected ",
                                                   shape.ElementCount()));
  }
  Tensor tensor = Tensor::FromFloats(shape, values);
  if (rule.kind == Statistic::Kind::kStandardDeviation) {
    for (float& value : tensor.mutable_floats()) value = std::sqrt(value + rule.epsilon);
  }
  return tensor;
}

}  // namespace

absl::StatusOr<tensor::NamedTensors> Materialize(const arch::Architecture& parent,
                                                 const Transformed& transformed,
                                                 const tensor::NamedTensors& parent_weights,
                                                 std::span<const ChannelStatistics> statistics,
                                                 std::uint64_t seed) {
  const arch::Architecture& child = transformed.child;
  GRAFT_CHECK(transformed.rules.size() == child.parameters().size());
  const base::Rng noise = StreamOf(seed, Stream::kNoise);
  const TensorMaker make(parent, parent_weights, statistics);
  tensor::NamedTensors weights;
  for (size_t i = 0; i < transformed.rules.size(); ++i) {
    const arch::NodeIndex parameter = child.parameters()[i];
    const Shape& shape = child.node(parameter).type.shape;
    ASSIGN_OR_RETURN(Tensor tensor,
                     std::visit([&](const auto& rule) { return make(rule, shape, noise.Fork(i)); },
                                transformed.rules[i]));
    GRAFT_CHECK(tensor.shape() == shape)
        << child.TensorName(parameter) << " became " << tensor.shape() << " instead of " << shape;
    weights.Set(child.TensorName(parameter), std::move(tensor));
  }
  return weights;
}

}  // namespace graft::transform
