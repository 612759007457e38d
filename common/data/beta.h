#ifndef GRAFT_COMMON_DATA_BETA_H_
#define GRAFT_COMMON_DATA_BETA_H_

#include "common/base/rng.h"

namespace graft::data {

// A number in [0, 1] with the distribution Beta(alpha, alpha), 0 < alpha. Computed in float64 with
// sums, products, quotients, square roots, and a logarithm and an exponential made of them, so that
// the bits are every machine's.
//   alpha < 1: M. Jöhnk, "Erzeugung von betaverteilten und gammaverteilten Zufallszahlen", Metrika
//     8, 1964: x = u^(1/alpha), y = v^(1/alpha) until x + y <= 1; then x / (x + y).
//   else: G. Ulrich, "Computer generation of distributions on the m-sphere", Applied Statistics
//     33, 1984: a point (2 u - 1, 2 v - 1) until it is in the unit disc, at the squared distance s
//     from the middle, above 0; then 1/2 + (2 u - 1) / (2 sqrt(s)) sqrt(1 - s^(2 / (2 alpha - 1))).
// u, v are (NextU64() div 2^11 + 1) / 2^53, drawn in this order, anew for each attempt.
double SampleBeta(base::Rng& rng, double alpha);

}  // namespace graft::data

#endif  // GRAFT_COMMON_DATA_BETA_H_
