// Elementary operations of the policies' numeric core.
//
// A policy must compute the same bits on every processor (design.md, foundation 8). So sums have a
// fixed order, written out here; this target is compiled without contraction to fused
// multiply-adds; and the exponential, the logarithm and the tangents are made here of the four
// operations, which IEEE 754 defines to the last bit. The C library's would not do: its double exp,
// log and tan differ between processors with and without FMA, and so, for few arguments, does its
// expf.
#ifndef GRAFT_SERVICES_CONTROLLER_POLICY_FLOAT_MATH_H_
#define GRAFT_SERVICES_CONTROLLER_POLICY_FLOAT_MATH_H_

#include <span>

namespace graft::policy {

// sum of a[i] b[i]; equal lengths. Eight interleaved partial sums, then pairwise.
float Dot(std::span<const float> a, std::span<const float> b);

// y += a x; equal lengths.
void AddScaled(float a, std::span<const float> x, std::span<float> y);

// The following are accurate to one unit in the last place of a float.

// 0 below -104, infinity above 88.8; NaN for NaN.
float Exp(float x);

// x > 0, finite.
float Log(float x);

float Tanh(float x);

// 1 / (1 + exp(-x)), in [0, 1] for all x.
float Sigmoid(float x);

// log(Sigmoid(x)) = min(x, 0) - log(1 + exp(-|x|)): finite for all finite x; absolute error 1e-7.
float LogSigmoid(float x);

// tan(pi/2 a) for a in [0, 1), to 1e-13 relative.
double TanHalfPi(double a);

}  // namespace graft::policy

#endif  // GRAFT_SERVICES_CONTROLLER_POLICY_FLOAT_MATH_H_
