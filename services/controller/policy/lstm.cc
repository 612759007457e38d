#include "services/controller/policy/lstm.h"

#include <algorithm>
#include <utility>

#include "services/controller/policy/float_math.h"

namespace graft::policy {

Lstm::Lstm(const std::string& name, int inputs, int units, Parameters& parameters)
    : inputs_(inputs), units_(units), gates_(name, inputs + units, 4 * units, parameters) {}

void Lstm::Initialize(std::span<float> values, base::Rng& rng) const {
  gates_.Initialize(values, rng);
  std::ranges::fill(gates_.bias().In(values).subspan(units_, units_), 1.0F);
}

LstmStep Lstm::Forward(std::span<const float> values, std::span<const float> x,
                       const LstmState& state) const {
  LstmStep step;
  step.input.assign(x.begin(), x.end());
  step.input.insert(step.input.end(), state.h.begin(), state.h.end());
  step.before = state.c;
  step.gates = gates_.Forward(values, step.input);
  step.tanh_c.resize(units_);
  step.after = LstmState(units_);
  float* const i = step.gates.data();
  float* const f = i + units_;
  float* const g = f + units_;
  float* const o = g + units_;
  for (int u = 0; u < units_; ++u) {
    i[u] = Sigmoid(i[u]);
    f[u] = Sigmoid(f[u]);
    g[u] = Tanh(g[u]);
    o[u] = Sigmoid(o[u]);
    step.after.c[u] = f[u] * state.c[u] + i[u] * g[u];
    step.tanh_c[u] = Tanh(step.after.c[u]);
    step.after.h[u] = o[u] * step.tanh_c[u];
  }
  return step;
}

void Lstm::Backward(std::span<const float> values, const LstmStep& step, LstmState& d,
                    std::span<float> gradient, std::span<float> dx) const {
  const float* const i = step.gates.data();
  const float* const f = i + units_;
  const float* const g = f + units_;
  const float* const o = g + units_;
  // With respect to the gates before their non-linearity.
  std::vector<float> d_gates(4 * units_);
  for (int u = 0; u < units_; ++u) {
    const float dc = d.c[u] + d.h[u] * o[u] * (1.0F - step.tanh_c[u] * step.tanh_c[u]);
    d_gates[u] = dc * g[u] * i[u] * (1.0F - i[u]);
    d_gates[units_ + u] = dc * step.before[u] * f[u] * (1.0F - f[u]);
    d_gates[2 * units_ + u] = dc * i[u] * (1.0F - g[u] * g[u]);
    d_gates[3 * units_ + u] = d.h[u] * step.tanh_c[u] * o[u] * (1.0F - o[u]);
    d.c[u] = dc * f[u];
  }
  std::vector<float> d_input(inputs_ + units_);
  gates_.Backward(values, step.input, d_gates, gradient, d_input);
  AddScaled(1.0F, std::span(d_input).first(inputs_), dx);
  std::copy(d_input.begin() + inputs_, d_input.end(), d.h.begin());
}

}  // namespace graft::policy
