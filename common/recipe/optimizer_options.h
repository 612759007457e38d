// Optimisers and their options, as descriptions; engine/optimizer.h runs them.
//
// In the equations, p is the parameter, g its gradient, r the learning rate, d the weight decay (0
// where a tensor does not decay), t the number of the step from 1; operations on tensors are
// element by element. A learning rate is the peak, which the schedule scales.
#ifndef GRAFT_COMMON_RECIPE_OPTIMIZER_OPTIONS_H_
#define GRAFT_COMMON_RECIPE_OPTIMIZER_OPTIONS_H_

#include <cstdint>
#include <variant>

namespace graft::recipe {

// Stochastic gradient descent with momentum, as PyTorch's SGD with dampening 0 (I. Sutskever et
// al., "On the importance of initialization and momentum in deep learning", ICML 2013):
//   g += d p;  v = momentum v + g;  p -= r (g + momentum v)   [nesterov]
//                                   p -= r v                  [classical]
struct SgdOptions {
  double learning_rate = 0.02;
  double momentum = 0.9;  // in [0, 1)
  bool nesterov = true;
  double weight_decay = 1e-4;  // L2: weight of 1/2 |p|^2 in the loss
};

// D. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1;
// decoupled: I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization" (AdamW), ICLR 2019.
//   g += d p [not decoupled];  p -= r d p [decoupled]
//   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
//   p -= r / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + epsilon)
struct AdamOptions {
  double learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
  bool decoupled = false;
};

// Y. You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes", ICLR
// 2020, algorithm 2, with phi(x) = x. With m, v as Adam's, for each tensor:
//   u = m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon) + d p
//   p -= r |p| / |u| u, with 1 for the ratio where a norm is 0
struct LambOptions {
  double learning_rate = 2e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-6;
  double weight_decay = 0.01;
};

// M. Zeiler, "ADADELTA: An Adaptive Learning Rate Method", arXiv:1212.5701, algorithm 1, with the
// learning rate that PyTorch adds:
//   g += d p;  s = rho s + (1 - rho) g^2;  u = sqrt(a + epsilon) / sqrt(s + epsilon) g
//   a = rho a + (1 - rho) u^2;  p -= r u
struct AdaDeltaOptions {
  double learning_rate = 1;
  double rho = 0.9;
  double epsilon = 1e-6;
  double weight_decay = 0;
};

// K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024. For matrices
// [rows, columns]:
//   p -= r d p;  b = momentum b + g;  u = g + momentum b
//   p -= r sqrt(max(1, rows / columns)) O(u)
// where O makes u near-orthogonal: X = u / |u|, then `iterations` times, with A = X X^T,
//   X = 3.4445 X + (-4.7750 A + 2.0315 A A) X      (X transposed first if it has more rows)
// Vectors are moved by AdamW with its other defaults and the rate r vector_rate.
struct MuonOptions {
  double learning_rate = 0.02;
  double momentum = 0.95;
  std::int64_t iterations = 5;
  double weight_decay = 0;
  double vector_rate = 0.05;
};

using OptimizerOptions =
    std::variant<SgdOptions, AdamOptions, LambOptions, AdaDeltaOptions, MuonOptions>;

inline double LearningRate(const OptimizerOptions& optimizer) {
  return std::visit([](const auto& options) { return options.learning_rate; }, optimizer);
}

// Which tensors weight decay applies to.
enum class WeightDecayMask {
  kAll,       // all trainable ones, batch norm's included, as EAS published
  kMatrices,  // kernels and matrices alone
};

}  // namespace graft::recipe

#endif  // GRAFT_COMMON_RECIPE_OPTIMIZER_OPTIONS_H_
