// The engine's part of the numerics class (design.md, "Trial key").
#ifndef GRAFT_COMMON_ENGINE_NUMERICS_H_
#define GRAFT_COMMON_ENGINE_NUMERICS_H_

namespace graft::engine {

// Raise it by hand with every change that may alter the bits that training computes: kernels, order
// of summation, optimiser, schedule, initialisers, dropout masks, augmentation.
inline constexpr int kEngineNumericsVersion = 6;

}  // namespace graft::engine

#endif  // GRAFT_COMMON_ENGINE_NUMERICS_H_
