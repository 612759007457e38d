#include "common/engine/cpu/folded_norm.h"

#include <cmath>

namespace graft::engine::cpu {
namespace {

enum { kX, kScale, kShift, kMean, kVariance };

}  // namespace

void FoldNorm(const arch::Node& norm, const Run& run, const FilterTensors& own,
              float* folded_weight, std::span<float> folded_bias) {
  const auto tensor = [&](int operand) { return run.value(norm.operands[operand]); };
  const double epsilon = arch::GetDouble(norm.attributes, "epsilon");
  const std::size_t per_filter = own.weight.size() / folded_bias.size();
  for (std::size_t o = 0; o < folded_bias.size(); ++o) {
    const double factor = tensor(kScale)[o] / std::sqrt(tensor(kVariance)[o] + epsilon);
    const double bias = own.bias == nullptr ? 0.0 : own.bias[o];
    folded_bias[o] = static_cast<float>((bias - tensor(kMean)[o]) * factor + tensor(kShift)[o]);
    for (std::size_t i = o * per_filter; i < (o + 1) * per_filter; ++i) {
      folded_weight[i] = static_cast<float>(own.weight[i] * factor);
    }
  }
}

}  // namespace graft::engine::cpu
