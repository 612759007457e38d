#include "services/controller/policy/widen_actor.h"

namespace graft::policy {

WidenActor::WidenActor(int encoding_size, Parameters& parameters)
    : classifier_("widen.classifier", encoding_size, 1, parameters) {}

void WidenActor::Initialize(std::span<float> values, base::Rng& rng) const {
  classifier_.Initialize(values, rng);
}

std::vector<Bernoulli> WidenActor::Forward(std::span<const float> values,
                                           const Encoding& encoding) const {
  std::vector<Bernoulli> positions;
  positions.reserve(encoding.outputs.size());
  for (const std::vector<float>& output : encoding.outputs) {
    positions.emplace_back(classifier_.Forward(values, output)[0]);
  }
  return positions;
}

void WidenActor::Backward(std::span<const float> values, const Encoding& encoding,
                          std::span<const float> dz, std::span<float> gradient,
                          EncodingGradient& d) const {
  for (std::size_t t = 0; t < dz.size(); ++t) {
    if (dz[t] == 0.0F) continue;  // masked
    classifier_.Backward(values, encoding.outputs[t], dz.subspan(t, 1), gradient, d.outputs[t]);
  }
}

}  // namespace graft::policy
