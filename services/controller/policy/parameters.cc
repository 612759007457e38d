#include "services/controller/policy/parameters.h"

#include <cmath>
#include <utility>

#include "common/base/check.h"

namespace graft::policy {

Block Parameters::Add(std::string name, int rows, int columns) {
  GRAFT_CHECK(rows > 0 && columns > 0) << name << " is [" << rows << ", " << columns << "]";
  const Block block{values_.size(), rows, columns};
  values_.resize(values_.size() + block.size());
  blocks_.push_back({std::move(name), block});
  return block;
}

void FillUniform(std::span<float> values, float limit, base::Rng& rng) {
  // 2 u - 1 is exact, so that one product alone is rounded.
  for (float& value : values) value = limit * (2.0F * rng.Uniform() - 1.0F);
}

void FillXavier(const Block& weight, std::span<float> values, base::Rng& rng) {
  FillUniform(weight.In(values), std::sqrt(6.0F / static_cast<float>(weight.rows + weight.columns)),
              rng);
}

}  // namespace graft::policy
