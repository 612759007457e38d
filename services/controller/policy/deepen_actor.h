// DeepenActor: where to insert an identity layer, and with which kernel.
//
// EAS, AAAI 2018, "Net2Deeper actor": a recurrent network that starts from the encoder's final
// state and decides in turn the block, the position inside it and the kernel, each with a
// classifier of its own and given the decision before.
#ifndef GRAFT_SERVICES_CONTROLLER_POLICY_DEEPEN_ACTOR_H_
#define GRAFT_SERVICES_CONTROLLER_POLICY_DEEPEN_ACTOR_H_

#include <array>
#include <functional>
#include <span>
#include <vector>

#include "common/base/rng.h"
#include "services/controller/policy/distributions.h"
#include "services/controller/policy/embedding.h"
#include "services/controller/policy/linear.h"
#include "services/controller/policy/lstm.h"
#include "services/controller/policy/step.h"

namespace graft::policy {

// The decisions of one insertion and what the backward pass needs. Two decisions where there is no
// kernel to choose, else three.
struct DeepenDecoding {
  std::vector<LstmStep> steps;
  std::vector<Categorical> distributions;
  std::vector<int> choices;

  DeepenAction action() const;
  double LogProbability() const;  // of all decisions together
  double Entropy() const;         // mean over the decisions
};

// Thread-safe: immutable.
class DeepenActor {
 public:
  struct Sizes {
    int blocks = 5;
    int positions = 10;
    int kernels = 3;
    int embedding = 16;
    int units = 100;  // equals the encoder's output
  };

  // Picks one of the choices that a distribution allows.
  using Chooser = std::function<int(const Categorical&)>;

  // Adds the blocks `deepen.*`.
  DeepenActor(const Sizes& sizes, Parameters& parameters);

  void Initialize(std::span<float> values, base::Rng& rng) const;

  // `choices` allows at least one insertion and has this actor's sizes.
  DeepenDecoding Forward(std::span<const float> values, const LstmState& encoded,
                         const DeepenChoices& choices, const Chooser& choose) const;

  // Gradient of - weight log pi(action) - entropy_weight H, added to `gradient` and, by the
  // encoder's final state, to `d`.
  void Backward(std::span<const float> values, const DeepenDecoding& decoding, float weight,
                float entropy_weight, std::span<float> gradient, LstmState& d) const;

 private:
  static constexpr int kDecisions = 3;

  // Input of decision `index`: the start vector or the embedding of the decision before.
  const Embedding& InputTable(int index) const;
  static int InputSymbol(int index, const std::vector<int>& choices);

  Embedding start_;
  std::array<Embedding, kDecisions - 1> embeddings_;  // of the block, of the position
  Lstm lstm_;
  std::array<Linear, kDecisions> classifiers_;
};

}  // namespace graft::policy

#endif  // GRAFT_SERVICES_CONTROLLER_POLICY_DEEPEN_ACTOR_H_
