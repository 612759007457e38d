// Embedding: a learned vector a symbol.
#ifndef GRAFT_SERVICES_CONTROLLER_POLICY_EMBEDDING_H_
#define GRAFT_SERVICES_CONTROLLER_POLICY_EMBEDDING_H_

#include <span>
#include <string>

#include "common/base/rng.h"
#include "services/controller/policy/parameters.h"

namespace graft::policy {

// Thread-safe: immutable.
class Embedding {
 public:
  // Adds the block `name`: [symbols, size].
  Embedding(const std::string& name, int symbols, int size, Parameters& parameters);

  // U(-sqrt 3, sqrt 3), which has unit variance.
  void Initialize(std::span<float> values, base::Rng& rng) const;

  // The vector of `symbol` in `all`, which are values or gradients: [size].
  std::span<const float> Row(std::span<const float> all, int symbol) const;
  std::span<float> Row(std::span<float> all, int symbol) const;

  int size() const { return table_.columns; }

 private:
  Block table_;
};

}  // namespace graft::policy

#endif  // GRAFT_SERVICES_CONTROLLER_POLICY_EMBEDDING_H_
