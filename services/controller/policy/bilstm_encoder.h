// BilstmEncoder: reads an architecture, one token a layer, from both ends.
//
// EAS, AAAI 2018, "bidirectional recurrent network with an embedding layer": embedding of 16, one
// layer of 50 LSTM units each way. No padding: a sequence is as long as it is.
#ifndef GRAFT_SERVICES_CONTROLLER_POLICY_BILSTM_ENCODER_H_
#define GRAFT_SERVICES_CONTROLLER_POLICY_BILSTM_ENCODER_H_

#include <span>
#include <vector>

#include "services/controller/policy/embedding.h"
#include "services/controller/policy/lstm.h"

namespace graft::policy {

// An encoded sequence of length T; also what the backward pass needs.
struct Encoding {
  std::vector<int> tokens;                  // [T]
  std::vector<LstmStep> forward, backward;  // by position
  std::vector<std::vector<float>> outputs;  // [T, 2 units]: both directions' h at a position
  LstmState final;                          // [2 units]: both directions' last c and h
};

// Gradient of the loss with respect to what an encoding hands on; zeros to begin with.
struct EncodingGradient {
  std::vector<std::vector<float>> outputs;  // [T, 2 units]
  LstmState final;                          // [2 units]

  explicit EncodingGradient(const Encoding& encoding);
};

// Thread-safe: immutable.
class BilstmEncoder {
 public:
  // Adds the blocks `encoder.*`.
  BilstmEncoder(int vocabulary, int embedding_size, int units, Parameters& parameters);

  void Initialize(std::span<float> values, base::Rng& rng) const;

  // Each token in [0, vocabulary); at least one.
  Encoding Forward(std::span<const float> values, std::vector<int> tokens) const;

  // Adds the parameters' part to `gradient`.
  void Backward(std::span<const float> values, const Encoding& encoding, const EncodingGradient& d,
                std::span<float> gradient) const;

  // Of an output and of the final state.
  int output_size() const { return 2 * forward_.units(); }

 private:
  Embedding embedding_;
  Lstm forward_;
  Lstm backward_;
};

}  // namespace graft::policy

#endif  // GRAFT_SERVICES_CONTROLLER_POLICY_BILSTM_ENCODER_H_
