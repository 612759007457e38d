#include "services/controller/policy/distributions.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "common/base/check.h"
#include "services/controller/policy/float_math.h"

namespace graft::policy {

Categorical::Categorical(std::span<const float> logits, std::vector<bool> mask)
    : mask_(std::move(mask)), log_probabilities_(logits.size()), probabilities_(logits.size()) {
  GRAFT_CHECK(mask_.size() == logits.size()) << mask_.size() << " and " << logits.size();
  float largest = -std::numeric_limits<float>::infinity();
  for (std::size_t j = 0; j < logits.size(); ++j) {
    if (mask_[j]) largest = std::max(largest, logits[j]);
  }
  GRAFT_CHECK(std::isfinite(largest)) << "no choice is allowed, or the logits are not finite";
  float sum = 0.0F;
  for (std::size_t j = 0; j < logits.size(); ++j) {
    if (mask_[j]) sum += Exp(logits[j] - largest);
  }
  const float log_sum = Log(sum);
  for (std::size_t j = 0; j < logits.size(); ++j) {
    if (!mask_[j]) continue;
    log_probabilities_[j] = logits[j] - largest - log_sum;
    probabilities_[j] = Exp(log_probabilities_[j]);
    entropy_ -= probabilities_[j] * log_probabilities_[j];
  }
}

int Categorical::Sample(base::Rng& rng) const {
  const float u = rng.Uniform();
  float below = 0.0F;
  int last = -1;
  for (int j = 0; j < static_cast<int>(mask_.size()); ++j) {
    if (!mask_[j]) continue;
    last = j;
    below += probabilities_[j];
    if (u < below) return j;
  }
  return last;  // rounding left the sum below u
}

bool Categorical::Allows(int choice) const {
  return choice >= 0 && choice < static_cast<int>(mask_.size()) && mask_[choice];
}

float Categorical::LogProbability(int choice) const {
  GRAFT_CHECK(Allows(choice)) << choice;
  return log_probabilities_[choice];
}

void Categorical::AddGradient(int choice, float weight, float entropy_weight,
                              std::span<float> dz) const {
  GRAFT_CHECK(Allows(choice)) << choice;
  for (std::size_t j = 0; j < mask_.size(); ++j) {
    if (!mask_[j]) continue;
    const float p = probabilities_[j];
    const float chosen = static_cast<int>(j) == choice ? 1.0F : 0.0F;
    dz[j] -= weight * (chosen - p);
    dz[j] += entropy_weight * (p * (log_probabilities_[j] + entropy_));
  }
}

Bernoulli::Bernoulli(float z) : z_(z), set_(Sigmoid(z)), clear_(Sigmoid(-z)) {
  GRAFT_CHECK(std::isfinite(z)) << z;
}

bool Bernoulli::Sample(base::Rng& rng) const { return rng.Uniform() < set_; }

float Bernoulli::LogProbability(bool bit) const { return LogSigmoid(bit ? z_ : -z_); }

float Bernoulli::Entropy() const { return -set_ * LogSigmoid(z_) - clear_ * LogSigmoid(-z_); }

float Bernoulli::Gradient(bool bit, float weight, float entropy_weight) const {
  return -weight * (bit ? clear_ : -set_) + entropy_weight * (set_ * clear_ * z_);
}

}  // namespace graft::policy
