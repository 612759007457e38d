// Linear layer of the policy network.
#ifndef GRAFT_SERVICES_CONTROLLER_POLICY_LINEAR_H_
#define GRAFT_SERVICES_CONTROLLER_POLICY_LINEAR_H_

#include <span>
#include <string>
#include <vector>

#include "common/base/rng.h"
#include "services/controller/policy/parameters.h"

namespace graft::policy {

// y[j] = b[j] + sum over k of x[k] W[k, j]; x: [inputs], W: [inputs, outputs], b, y: [outputs].
// Thread-safe: immutable.
class Linear {
 public:
  // Adds the blocks `name.weight` and `name.bias`.
  Linear(const std::string& name, int inputs, int outputs, Parameters& parameters);

  // Xavier-uniform weights, zero bias.
  void Initialize(std::span<float> values, base::Rng& rng) const;

  std::vector<float> Forward(std::span<const float> values, std::span<const float> x) const;

  // Given dy = dL/dy at `x`, adds dL/dW and dL/db to `gradient` and dL/dx to `dx`.
  void Backward(std::span<const float> values, std::span<const float> x, std::span<const float> dy,
                std::span<float> gradient, std::span<float> dx) const;

  int inputs() const { return weight_.rows; }
  int outputs() const { return weight_.columns; }
  const Block& bias() const { return bias_; }

 private:
  Block weight_;
  Block bias_;
};

}  // namespace graft::policy

#endif  // GRAFT_SERVICES_CONTROLLER_POLICY_LINEAR_H_
