// The two distributions that actions are drawn from, with the gradients that REINFORCE needs.
//
// A loss has, for each action a drawn with logits z, the term
//   - weight log pi(a) - entropy_weight H(pi),
// whose gradient with respect to z is added by AddGradient. Masked choices have probability 0,
// contribute nothing and receive a gradient of exactly 0; nothing is NaN as a probability goes
// to 0 or 1, because logarithms are taken of logits, not of probabilities.
#ifndef GRAFT_SERVICES_CONTROLLER_POLICY_DISTRIBUTIONS_H_
#define GRAFT_SERVICES_CONTROLLER_POLICY_DISTRIBUTIONS_H_

#include <span>
#include <vector>

#include "common/base/rng.h"

namespace graft::policy {

// Softmax over the choices that `mask` allows..
class Categorical {
 public:
  // As many logits as mask entries, at least one of them true.
  Categorical(std::span<const float> logits, std::vector<bool> mask);

  // Draws one word. Never a masked choice.
  int Sample(base::Rng& rng) const;

  bool Allows(int choice) const;
  // [choices], 0 where masked; the sum is 1 up to rounding.
  const std::vector<float>& probabilities() const { return probabilities_; }
  // log pi(choice); the choice is not masked.
  float LogProbability(int choice) const;
  // H = - sum of p log p, in nats.
  float Entropy() const { return entropy_; }

  // d log pi(a) / dz[j] = [j = a] - p[j];  dH / dz[j] = -p[j] (log p[j] + H).
  void AddGradient(int choice, float weight, float entropy_weight, std::span<float> dz) const;

 private:
  std::vector<bool> mask_;
  std::vector<float> log_probabilities_;  // 0 where masked
  std::vector<float> probabilities_;
  float entropy_ = 0.0F;
};

// One bit that is set with probability Sigmoid(z).
class Bernoulli {
 public:
  explicit Bernoulli(float z);

  // Draws one word.
  bool Sample(base::Rng& rng) const;

  float probability() const { return set_; }
  float LogProbability(bool bit) const;
  // H = -p log p - (1 - p) log(1 - p), in nats.
  float Entropy() const;

  // The derivative by z: d log pi(b) / dz = b - p;  dH / dz = -p (1 - p) z.
  float Gradient(bool bit, float weight, float entropy_weight) const;

 private:
  float z_;
  float set_;    // p
  float clear_;  // 1 - p, without cancellation
};

}  // namespace graft::policy

#endif  // GRAFT_SERVICES_CONTROLLER_POLICY_DISTRIBUTIONS_H_
