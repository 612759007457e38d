// Dropout masks that are the same on every backend.
#ifndef GRAFT_COMMON_ENGINE_DROPOUT_H_
#define GRAFT_COMMON_ENGINE_DROPOUT_H_

#include <cstdint>
#include <span>

#include "common/arch/architecture.h"

namespace graft::engine {

// keep[e] = 1 where element e (row-major index into [count, ...]) of dropout node `node` stays in
// the step with `step_seed`, else 0. The mask is a function of (step_seed, node, e): element e
// takes word e of stream `node` of the generator with that seed, and stays if its uniform value is
// at least `rate`.
void DropoutMask(std::uint64_t step_seed, arch::NodeIndex node, double rate,
                 std::span<std::uint8_t> keep);

// What a kept element is multiplied by: 1 / (1 - rate).
float DropoutScale(double rate);

}  // namespace graft::engine

#endif  // GRAFT_COMMON_ENGINE_DROPOUT_H_
