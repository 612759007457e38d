// Parameters: all of a network's parameters in one vector of floats, divided into named blocks.
#ifndef GRAFT_SERVICES_CONTROLLER_POLICY_PARAMETERS_H_
#define GRAFT_SERVICES_CONTROLLER_POLICY_PARAMETERS_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "common/base/rng.h"

namespace graft::policy {

// A matrix [rows, columns], row after row, inside a vector of all parameters or all gradients.
struct Block {
  std::size_t offset = 0;
  int rows = 0;
  int columns = 0;

  std::size_t size() const { return static_cast<std::size_t>(rows) * columns; }

  std::span<const float> In(std::span<const float> all) const {
    return all.subspan(offset, size());
  }
  std::span<float> In(std::span<float> all) const { return all.subspan(offset, size()); }
  std::span<const float> Row(std::span<const float> all, int row) const {
    return all.subspan(offset + static_cast<std::size_t>(row) * columns, columns);
  }
  std::span<float> Row(std::span<float> all, int row) const {
    return all.subspan(offset + static_cast<std::size_t>(row) * columns, columns);
  }
};

// Not thread-safe.
class Parameters {
 public:
  struct NamedBlock {
    std::string name;
    Block block;
  };

  // Appends a block of zeros. Spans taken before become invalid.
  Block Add(std::string name, int rows, int columns);

  std::span<const float> values() const { return values_; }
  std::span<float> values() { return values_; }
  std::span<const NamedBlock> blocks() const { return blocks_; }

 private:
  std::vector<float> values_;
  std::vector<NamedBlock> blocks_;
};

// Fills with U(-limit, limit). Draws one word a value.
void FillUniform(std::span<float> values, float limit, base::Rng& rng);

// Fills a weight [inputs, outputs] with U(-a, a), a^2 = 6 / (inputs + outputs): Glorot and Bengio,
// "Understanding the difficulty of training deep feedforward neural networks", 2010.
void FillXavier(const Block& weight, std::span<float> values, base::Rng& rng);

}  // namespace graft::policy

#endif  // GRAFT_SERVICES_CONTROLLER_POLICY_PARAMETERS_H_
