// Optimisers over a flat parameter buffer.
#ifndef GRAFT_COMMON_ENGINE_OPTIMIZER_H_
#define GRAFT_COMMON_ENGINE_OPTIMIZER_H_

#include <cstdint>
#include <span>

#include "common/tensor/tensor.h"

namespace graft::engine {

struct SgdOptions {
  float momentum = 0.9F;
  // Nesterov's variant; without it, classical momentum.
  bool nesterov = true;
  // Weight of 1/2 |p|^2 in the loss, on all trainable parameters, batch norm's included.
  float l2 = 1e-4F;
};

// Stochastic gradient descent with momentum, as PyTorch's SGD with dampening 0 (I. Sutskever et
// al., "On the importance of initialization and momentum in deep learning", ICML 2013):
//   g = gradient + l2 p;  v = momentum v + g;  p -= rate (g + momentum v)   [nesterov]
//                                              p -= rate v                  [classical]
// Starts with v = 0. One pass over the buffer; a tail of zeros (padding) stays zero. Not
// thread-safe.
class Sgd {
 public:
  // `size` elements: ParameterLayout::trainable_size().
  Sgd(const SgdOptions& options, std::int64_t size);

  // Moves the first `size` elements of `parameters`; both spans hold at least so many.
  void Step(float learning_rate, std::span<const float> gradients, std::span<float> parameters);

  // v, for checkpoints: plain layout, `size` elements.
  std::span<const float> velocity() const { return velocity_.floats(); }
  std::span<float> velocity() { return velocity_.mutable_floats(); }

 private:
  const SgdOptions options_;
  tensor::Tensor velocity_;
};

}  // namespace graft::engine

#endif  // GRAFT_COMMON_ENGINE_OPTIMIZER_H_
