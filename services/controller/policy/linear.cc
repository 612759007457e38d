#include "services/controller/policy/linear.h"

#include <algorithm>

#include "services/controller/policy/float_math.h"

namespace graft::policy {

Linear::Linear(const std::string& name, int inputs, int outputs, Parameters& parameters)
    : weight_(parameters.Add(name + ".weight", inputs, outputs)),
      bias_(parameters.Add(name + ".bias", 1, outputs)) {}

void Linear::Initialize(std::span<float> values, base::Rng& rng) const {
  FillXavier(weight_, values, rng);
  std::ranges::fill(bias_.In(values), 0.0F);
}

std::vector<float> Linear::Forward(std::span<const float> values, std::span<const float> x) const {
  const std::span<const float> bias = bias_.In(values);
  std::vector<float> y(bias.begin(), bias.end());
  for (int k = 0; k < inputs(); ++k) AddScaled(x[k], weight_.Row(values, k), y);
  return y;
}

void Linear::Backward(std::span<const float> values, std::span<const float> x,
                      std::span<const float> dy, std::span<float> gradient,
                      std::span<float> dx) const {
  AddScaled(1.0F, dy, bias_.In(gradient));
  for (int k = 0; k < inputs(); ++k) {
    AddScaled(x[k], dy, weight_.Row(gradient, k));
    dx[k] += Dot(weight_.Row(values, k), dy);
  }
}

}  // namespace graft::policy
