// EasNetwork: the policy network of EAS and the gradient of its loss.
#ifndef GRAFT_SERVICES_CONTROLLER_POLICY_EAS_NETWORK_H_
#define GRAFT_SERVICES_CONTROLLER_POLICY_EAS_NETWORK_H_

#include <span>
#include <vector>

#include "common/base/rng.h"
#include "services/controller/policy/bilstm_encoder.h"
#include "services/controller/policy/deepen_actor.h"
#include "services/controller/policy/parameters.h"
#include "services/controller/policy/step.h"
#include "services/controller/policy/widen_actor.h"

namespace graft::policy {

// Logarithms in nats, of one step.
struct StepTerms {
  double log_probability = 0;  // of the action: sum over its decisions
  double entropy = 0;          // mean over its decisions
  int decisions = 0;           // legal layers, or decisions of an insertion
  double probability = 0;      // sum over its decisions of that of widening, or of the choice made
};

// Bi-LSTM encoder, widen actor and deepen actor over one vector of parameters. With the demo
// space's 42 tokens it has 76,447. Not thread-safe.
class EasNetwork {
 public:
  struct Sizes {
    int vocabulary = 0;      // tokens
    int embedding = 16;      // of tokens and of the deepen actor's decisions
    int encoder_units = 50;  // in each direction
    int blocks = 5;          // that layers can be inserted in
    int positions = 10;      // in a block; later ones are out of reach
    int kernels = 3;
  };

  explicit EasNetwork(const Sizes& sizes);

  void Initialize(base::Rng& rng);

  Encoding Encode(std::vector<int> tokens) const;
  std::vector<Bernoulli> Widen(const Encoding& encoding) const;
  DeepenDecoding Deepen(const Encoding& encoding, const DeepenChoices& choices,
                        const DeepenActor::Chooser& choose) const;

  // Terms of a step; adds to `gradient`, as long as the parameters, that of
  // - weight log pi(action) - entropy_weight H.
  StepTerms AddGradient(const Step& step, float weight, float entropy_weight,
                        std::span<float> gradient) const;

  const Parameters& parameters() const { return parameters_; }
  Parameters& parameters() { return parameters_; }

 private:
  StepTerms AddWidenGradient(const WidenStep& step, float weight, float entropy_weight,
                             std::span<float> gradient) const;
  StepTerms AddDeepenGradient(const DeepenStep& step, float weight, float entropy_weight,
                              std::span<float> gradient) const;

  Parameters parameters_;
  BilstmEncoder encoder_;
  WidenActor widen_;
  DeepenActor deepen_;
};

// A step of a child and the child's advantage.
struct WeightedStep {
  Step step;
  float advantage = 0;  // (r - b) / number of children
};

// Parts of the loss, for logs. An entropy is a mean over steps of its kind, 0 without steps.
struct LossTerms {
  double loss = 0;
  double entropy = 0;
  double widen_entropy = 0;
  double deepen_entropy = 0;
  double widen_probability = 0;   // mean over all legal layers
  double choice_probability = 0;  // mean over the deepen actor's decisions: that of the choice made
};

// EAS, AAAI 2018, with REINFORCE: R. Williams, "Simple statistical gradient-following algorithms
// for connectionist reinforcement learning", 1992.
//   L = - sum over steps of advantage log pi(action) - entropy_weight H,
//   H = mean over steps of the mean entropy of the step's decisions,
// so that H weighs widen and deepen entropy by their numbers of steps. Sets `gradient` to dL by the
// parameters.
LossTerms ReinforceLoss(const EasNetwork& network, std::span<const WeightedStep> steps,
                        float entropy_weight, std::span<float> gradient);

}  // namespace graft::policy

#endif  // GRAFT_SERVICES_CONTROLLER_POLICY_EAS_NETWORK_H_
