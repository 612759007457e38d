// y = scale (x - mean) / sqrt(variance + epsilon) + shift over a part of one example.
//
// layer_norm: the features of a row (J. Ba, J. Kiros, G. Hinton, "Layer Normalization", 2016).
// rms_norm: the same without mean and shift (B. Zhang, R. Sennrich, "Root Mean Square Layer
// Normalization", NeurIPS 2019). group_norm: a group of channels (Y. Wu, K. He, "Group
// Normalization", ECCV 2018).
#include <cmath>

#include "common/engine/reference/kernel.h"
#include "common/engine/reference/rows.h"

namespace graft::engine::reference {
namespace {

enum { kX, kScale, kShift };

// An element that is normalised, and its channel.
struct Element {
  std::int64_t position;
  std::int64_t channel;
};
using Part = std::vector<Element>;

// Calls f(part) for the elements of each row.
template <typename F>
void ForEachRowPart(const Call& call, F f) {
  ForEachRow(*call.operands[kX], [&](const Row& row) {
    Part part;
    for (std::int64_t i = 0; i < row.length; ++i) part.push_back({row(i), i});
    f(part);
  });
}

// Calls f(part) for the elements of each group of channels of each example.
template <typename F>
void ForEachGroupPart(const Call& call, F f) {
  const Value& x = *call.operands[kX];
  const std::int64_t channels = x.shape.dim(0);
  const std::int64_t plane = x.shape.ElementCount() / channels;
  const std::int64_t size = channels / arch::GetInt(call.node.attributes, "groups") * plane;
  for (std::int64_t begin = 0; begin < static_cast<std::int64_t>(x.data.size()); begin += size) {
    Part part;
    for (std::int64_t i = begin; i < begin + size; ++i) part.push_back({i, i / plane % channels});
    f(part);
  }
}

struct Moments {
  double mean = 0;
  double inverse = 0;  // 1 / sqrt(variance + epsilon)
};

Moments MomentsOf(const Call& call, const Part& part, bool centred) {
  const std::vector<double>& x = call.operands[kX]->data;
  const auto count = static_cast<double>(part.size());
  Moments moments;
  if (centred) {
    for (const Element& element : part) moments.mean += x[element.position] / count;
  }
  double variance = 0;
  for (const Element& element : part) {
    variance += std::pow(x[element.position] - moments.mean, 2) / count;
  }
  moments.inverse = 1 / std::sqrt(variance + arch::GetDouble(call.node.attributes, "epsilon"));
  return moments;
}

void ForwardPart(const Call& call, const Part& part, bool centred) {
  const Moments moments = MomentsOf(call, part, centred);
  for (const auto& [i, c] : part) {
    const double z = (call.operands[kX]->data[i] - moments.mean) * moments.inverse;
    const double shift = centred ? call.operands[kShift]->data[c] : 0.0;
    call.result->data[i] = call.operands[kScale]->data[c] * z + shift;
  }
}

// With z the normalised x and dz = scale dy: dx = inverse (dz - mean(dz) - z mean(dz z)), the
// second term where the mean is taken off.
void BackwardPart(const Call& call, const Part& part, bool centred) {
  Value& x = *call.operands[kX];
  Value& scale = *call.operands[kScale];
  const std::vector<double>& dy = call.result->gradient;
  const Moments moments = MomentsOf(call, part, centred);
  const auto count = static_cast<double>(part.size());
  double mean = 0;
  double product = 0;
  for (const auto& [i, c] : part) {
    const double z = (x.data[i] - moments.mean) * moments.inverse;
    if (centred) mean += scale.data[c] * dy[i] / count;
    product += scale.data[c] * dy[i] * z / count;
    scale.gradient[c] += dy[i] * z;
    if (centred) call.operands[kShift]->gradient[c] += dy[i];
  }
  for (const auto& [i, c] : part) {
    const double z = (x.data[i] - moments.mean) * moments.inverse;
    x.gradient[i] += moments.inverse * (scale.data[c] * dy[i] - mean - z * product);
  }
}

template <bool centred>
constexpr Kernel kRowKernel = {
    [](const Call& call) {
      ForEachRowPart(call, [&](const Part& part) { ForwardPart(call, part, centred); });
    },
    [](const Call& call) {
      ForEachRowPart(call, [&](const Part& part) { BackwardPart(call, part, centred); });
    }};

}  // namespace

const Kernel kLayerNorm = kRowKernel<true>;
const Kernel kRmsNorm = kRowKernel<false>;
const Kernel kGroupNorm = {
    [](const Call& call) {
      ForEachGroupPart(call, [&](const Part& part) { ForwardPart(call, part, true); });
    },
    [](const Call& call) {
      ForEachGroupPart(call, [&](const Part& part) { BackwardPart(call, part, true); });
    }};

}  // namespace graft::engine::reference
