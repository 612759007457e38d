// Optimisers over a flat parameter buffer, one pass each.
//
// In the equations, p is the parameter, g its gradient, r the learning rate, d the weight decay (0
// where a segment does not decay), t the number of the step from 1; operations on tensors are
// element by element. Divisions, roots and products are of single floats, sums over a tensor are of
// doubles in order: results do not depend on the processor.
#ifndef GRAFT_COMMON_ENGINE_OPTIMIZER_H_
#define GRAFT_COMMON_ENGINE_OPTIMIZER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "common/arch/architecture.h"
#include "common/engine/parameters.h"

namespace graft::engine {

// A tensor in the buffer.
struct ParameterSegment {
  std::int64_t offset = 0;  // elements
  std::int64_t count = 0;   // elements
  // Of the tensor as a matrix [rows, count / rows], output features by what they are made of; 0: a
  // vector (bias, scale, shift).
  std::int64_t rows = 0;
  bool decays = true;  // whether weight decay applies
};

// Which tensors weight decay applies to.
enum class WeightDecayMask {
  kAll,       // all trainable ones, batch norm's included, as EAS published
  kMatrices,  // kernels and matrices alone
};

// The trainable tensors of a layout, by offset.
std::vector<ParameterSegment> TrainableSegments(const arch::Architecture& architecture,
                                                const ParameterLayout& layout,
                                                WeightDecayMask mask);

// Stochastic gradient descent with momentum, as PyTorch's SGD with dampening 0 (I. Sutskever et
// al., "On the importance of initialization and momentum in deep learning", ICML 2013):
//   g += d p;  v = momentum v + g;  p -= r (g + momentum v)   [nesterov]
//                                   p -= r v                  [classical]
struct SgdOptions {
  float momentum = 0.9F;
  bool nesterov = true;
  float weight_decay = 1e-4F;  // L2: weight of 1/2 |p|^2 in the loss
};

// D. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1;
// decoupled: I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization" (AdamW), ICLR 2019.
//   g += d p [not decoupled];  p -= r d p [decoupled]
//   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
//   p -= r / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + epsilon)
struct AdamOptions {
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float epsilon = 1e-8F;
  float weight_decay = 0;
  bool decoupled = false;
};

// Y. You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes", ICLR
// 2020, algorithm 2, with phi(x) = x. With m, v as Adam's, for each tensor:
//   u = m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon) + d p
//   p -= r |p| / |u| u, with 1 for the ratio where a norm is 0
struct LambOptions {
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float epsilon = 1e-6F;
  float weight_decay = 0.01F;
};

// M. Zeiler, "ADADELTA: An Adaptive Learning Rate Method", arXiv:1212.5701, algorithm 1, with the
// learning rate that PyTorch adds:
//   g += d p;  s = rho s + (1 - rho) g^2;  u = sqrt(a + epsilon) / sqrt(s + epsilon) g
//   a = rho a + (1 - rho) u^2;  p -= r u
struct AdaDeltaOptions {
  float rho = 0.9F;
  float epsilon = 1e-6F;
  float weight_decay = 0;
};

// K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024. For matrices
// [rows, columns]:
//   p -= r d p;  b = momentum b + g;  u = g + momentum b
//   p -= r sqrt(max(1, rows / columns)) O(u)
// where O makes u near-orthogonal: X = u / |u|, then `iterations` times, with A = X X^T,
//   X = 3.4445 X + (-4.7750 A + 2.0315 A A) X      (X transposed first if it has more rows)
// Vectors are moved by AdamW with the options `vectors` and the rate r vector_rate.
struct MuonOptions {
  float momentum = 0.95F;
  int iterations = 5;
  float weight_decay = 0;
  AdamOptions vectors = {.decoupled = true};
  float vector_rate = 0.05F;
};

using OptimizerOptions =
    std::variant<SgdOptions, AdamOptions, LambOptions, AdaDeltaOptions, MuonOptions>;

// Moves parameters. Starts with all of its state zero; padding between segments is not touched.
// Allocates nothing after it is made. Not thread-safe.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  // Moves the segments of `parameters` by those of `gradients`, which are multiplied by
  // `gradient_scale` first.
  virtual void Step(float learning_rate, std::span<const float> gradients,
                    std::span<float> parameters, float gradient_scale = 1) = 0;
};

// `segments` lie within a buffer of `size` elements.
std::unique_ptr<Optimizer> MakeOptimizer(const OptimizerOptions& options,
                                         std::vector<ParameterSegment> segments, std::int64_t size);

// The factor that brings the norm over all segments' gradients down to `max_norm`: 1 if it is not
// above it (R. Pascanu et al., "On the difficulty of training recurrent neural networks", ICML
// 2013). NaN for gradients that are not finite.
float ClippingScale(std::span<const ParameterSegment> segments, std::span<const float> gradients,
                    float max_norm);

}  // namespace graft::engine

#endif  // GRAFT_COMMON_ENGINE_OPTIMIZER_H_
