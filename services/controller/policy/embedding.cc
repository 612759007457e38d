#include "services/controller/policy/embedding.h"

#include "common/base/check.h"

namespace graft::policy {

Embedding::Embedding(const std::string& name, int symbols, int size, Parameters& parameters)
    : table_(parameters.Add(name, symbols, size)) {}

void Embedding::Initialize(std::span<float> values, base::Rng& rng) const {
  constexpr float kSqrt3 = 1.7320508F;
  FillUniform(table_.In(values), kSqrt3, rng);
}

std::span<const float> Embedding::Row(std::span<const float> all, int symbol) const {
  GRAFT_CHECK(symbol >= 0 && symbol < table_.rows) << "symbol " << symbol << " of " << table_.rows;
  return table_.Row(all, symbol);
}

std::span<float> Embedding::Row(std::span<float> all, int symbol) const {
  GRAFT_CHECK(symbol >= 0 && symbol < table_.rows) << "symbol " << symbol << " of " << table_.rows;
  return table_.Row(all, symbol);
}

}  // namespace graft::policy
