// LSTM cell: S. Hochreiter, J. Schmidhuber, "Long short-term memory", 1997, with the forget gate of
// F. Gers, J. Schmidhuber, F. Cummins, 2000.
#ifndef GRAFT_SERVICES_CONTROLLER_POLICY_LSTM_H_
#define GRAFT_SERVICES_CONTROLLER_POLICY_LSTM_H_

#include <span>
#include <string>
#include <vector>

#include "common/base/rng.h"
#include "services/controller/policy/linear.h"

namespace graft::policy {

// What a cell hands from step to step; as a gradient, dL/dc and dL/dh. Both [units].
struct LstmState {
  std::vector<float> c;
  std::vector<float> h;

  explicit LstmState(int units = 0) : c(units), h(units) {}
};

// What the backward pass needs of one step.
struct LstmStep {
  std::vector<float> input;   // x and the earlier h: [inputs + units]
  std::vector<float> before;  // the earlier c: [units]
  std::vector<float> gates;   // after their non-linearity, i, f, g, o: [4 units]
  std::vector<float> tanh_c;  // [units]
  LstmState after;
};

// [i, f, g, o] = [sigmoid, sigmoid, tanh, sigmoid](b + W^T [x, h]); c' = f c + i g; h' = o
// tanh(c'). W: [inputs + units, 4 units]. One bias; the forget gate's begins at 1 (R. Jozefowicz,
// W. Zaremba, I. Sutskever, 2015). Thread-safe: immutable.
class Lstm {
 public:
  // Adds the blocks `name.weight` and `name.bias`.
  Lstm(const std::string& name, int inputs, int units, Parameters& parameters);

  // Xavier-uniform weights, zero bias but for the forget gate.
  void Initialize(std::span<float> values, base::Rng& rng) const;

  // x: [inputs].
  LstmStep Forward(std::span<const float> values, std::span<const float> x,
                   const LstmState& state) const;

  // `d` holds dL/dc' and dL/dh' and receives dL/dc and dL/dh. Adds the parameters' part to
  // `gradient` and dL/dx to `dx`.
  void Backward(std::span<const float> values, const LstmStep& step, LstmState& d,
                std::span<float> gradient, std::span<float> dx) const;

  int inputs() const { return inputs_; }
  int units() const { return units_; }

 private:
  int inputs_;
  int units_;
  Linear gates_;
};

}  // namespace graft::policy

#endif  // GRAFT_SERVICES_CONTROLLER_POLICY_LSTM_H_
