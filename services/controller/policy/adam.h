// Adam: D. Kingma, J. Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1.
#ifndef GRAFT_SERVICES_CONTROLLER_POLICY_ADAM_H_
#define GRAFT_SERVICES_CONTROLLER_POLICY_ADAM_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace graft::policy {

struct AdamOptions {
  float learning_rate = 2e-3F;
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float epsilon = 1e-8F;
};

// Everything that the optimiser remembers. `first` and `second` are as long as the parameters.
struct AdamState {
  std::uint64_t steps = 0;
  // beta1^steps and beta2^steps, by repeated multiplication.
  float beta1_power = 1.0F;
  float beta2_power = 1.0F;
  std::vector<float> first;   // m: running mean of the gradient
  std::vector<float> second;  // v: running mean of its square

  explicit AdamState(std::size_t size = 0) : first(size), second(size) {}

  friend bool operator==(const AdamState&, const AdamState&) = default;
};

// values -= learning_rate m_hat / (sqrt(v_hat) + epsilon). All spans as long as the state's.
void AdamStep(const AdamOptions& options, std::span<const float> gradient, AdamState& state,
              std::span<float> values);

}  // namespace graft::policy

#endif  // GRAFT_SERVICES_CONTROLLER_POLICY_ADAM_H_
