// Rounding that is the same on every backend.
#ifndef GRAFT_COMMON_ENGINE_QUANTISER_H_
#define GRAFT_COMMON_ENGINE_QUANTISER_H_

namespace graft::engine {

// +-2^k with the sign of x (plus for zero) and the k in [minimum, maximum] nearest to log2 |x|. The
// border between k and k + 1, 2^k sqrt(2), is rounded to a float. A NaN gives 2^minimum.
float NearestPowerOfTwo(float x, int minimum, int maximum);

}  // namespace graft::engine

#endif  // GRAFT_COMMON_ENGINE_QUANTISER_H_
