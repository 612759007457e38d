#include "common/engine/optimizer.h"

#include "common/base/check.h"

namespace graft::engine {

Sgd::Sgd(const SgdOptions& options, std::int64_t size)
    : options_(options),
      velocity_(tensor::Tensor::Zeros(tensor::DType::kFloat32, tensor::Shape({size}))) {}

void Sgd::Step(float learning_rate, std::span<const float> gradients, std::span<float> parameters) {
  const std::size_t size = velocity().size();
  GRAFT_CHECK(gradients.size() >= size && parameters.size() >= size)
      << gradients.size() << " gradients and " << parameters.size() << " parameters for " << size;
  const float l2 = options_.l2;
  const float momentum = options_.momentum;
  // g enters the step with weight 1 beside momentum v (Nesterov) or is within v alone.
  const float direct = options_.nesterov ? 1.0F : 0.0F;
  const float carried = options_.nesterov ? momentum : 1.0F;
  const float* __restrict gradient = gradients.data();
  float* __restrict parameter = parameters.data();
  float* __restrict velocity = velocity_.mutable_floats().data();
  for (std::size_t i = 0; i < size; ++i) {
    const float g = gradient[i] + l2 * parameter[i];
    const float v = momentum * velocity[i] + g;
    velocity[i] = v;
    parameter[i] -= learning_rate * (direct * g + carried * v);
  }
}

}  // namespace graft::engine
