#include "services/controller/policy/adam.h"

#include <cmath>

#include "common/base/check.h"

namespace graft::policy {

void AdamStep(const AdamOptions& options, std::span<const float> gradient, AdamState& state,
              std::span<float> values) {
  GRAFT_CHECK(gradient.size() == values.size() && state.first.size() == values.size() &&
              state.second.size() == values.size());
  ++state.steps;
  state.beta1_power *= options.beta1;
  state.beta2_power *= options.beta2;
  const float first_scale = 1.0F / (1.0F - state.beta1_power);
  const float second_scale = 1.0F / (1.0F - state.beta2_power);
  for (std::size_t i = 0; i < values.size(); ++i) {
    float& m = state.first[i];
    float& v = state.second[i];
    m = options.beta1 * m + (1.0F - options.beta1) * gradient[i];
    v = options.beta2 * v + (1.0F - options.beta2) * gradient[i] * gradient[i];
    values[i] -=
        options.learning_rate * (m * first_scale) / (std::sqrt(v * second_scale) + options.epsilon);
  }
}

}  // namespace graft::policy
