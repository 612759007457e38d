#include "common/engine/dropout.h"

#include "common/base/rng.h"

namespace graft::engine {

void DropoutMask(std::uint64_t step_seed, arch::NodeIndex node, double rate,
                 std::span<std::uint8_t> keep) {
  base::Rng rng(step_seed, static_cast<std::uint64_t>(node));
  const auto threshold = static_cast<float>(rate);
  for (std::uint8_t& element : keep) element = rng.Uniform() >= threshold ? 1 : 0;
}

float DropoutScale(double rate) { return static_cast<float>(1.0 / (1.0 - rate)); }

}  // namespace graft::engine
