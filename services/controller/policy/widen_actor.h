// WidenActor: for each layer, whether to move it to the next larger width.
//
// EAS, AAAI 2018, "Net2Wider actor": one linear classifier with a sigmoid, shared by all positions.
#ifndef GRAFT_SERVICES_CONTROLLER_POLICY_WIDEN_ACTOR_H_
#define GRAFT_SERVICES_CONTROLLER_POLICY_WIDEN_ACTOR_H_

#include <span>
#include <vector>

#include "common/base/rng.h"
#include "services/controller/policy/bilstm_encoder.h"
#include "services/controller/policy/distributions.h"
#include "services/controller/policy/linear.h"

namespace graft::policy {

// Thread-safe: immutable.
class WidenActor {
 public:
  // Adds the blocks `widen.*`.
  WidenActor(int encoding_size, Parameters& parameters);

  void Initialize(std::span<float> values, base::Rng& rng) const;

  // The probability of widening, by position: [T].
  std::vector<Bernoulli> Forward(std::span<const float> values, const Encoding& encoding) const;

  // dz: [T], the gradient by the distributions' logits. Adds to `gradient` and to `d`.
  void Backward(std::span<const float> values, const Encoding& encoding, std::span<const float> dz,
                std::span<float> gradient, EncodingGradient& d) const;

 private:
  Linear classifier_;  // [2 units] -> [1]
};

}  // namespace graft::policy

#endif  // GRAFT_SERVICES_CONTROLLER_POLICY_WIDEN_ACTOR_H_
