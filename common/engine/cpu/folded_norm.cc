#include "common/engine/cpu/folded_norm.h"

#include <cmath>

namespace graft::engine::cpu {
namespace {

enum { kX, kScale, kShift, kMean, kVariance };

}  // namespace

FoldedNorm::FoldedNorm(const arch::Node& norm, std::int64_t filters, std::int64_t weight_elements)
    : norm_(norm),
      epsilon_(arch::GetDouble(norm.attributes, "epsilon")),
      weight_(weight_elements),
      bias_(filters) {}

void FoldedNorm::Fold(const Run& run, const float* weight, const float* bias) {
  const auto tensor = [&](int operand) { return run.value(norm_.operands[operand]); };
  const std::size_t per_filter = weight_.size() / bias_.size();
  for (std::size_t o = 0; o < bias_.size(); ++o) {
    const double factor = tensor(kScale)[o] / std::sqrt(tensor(kVariance)[o] + epsilon_);
    const double own = bias == nullptr ? 0.0 : bias[o];
    bias_[o] = static_cast<float>((own - tensor(kMean)[o]) * factor + tensor(kShift)[o]);
    for (std::size_t i = o * per_filter; i < (o + 1) * per_filter; ++i) {
      weight_[i] = static_cast<float>(weight[i] * factor);
    }
  }
}

}  // namespace graft::engine::cpu
