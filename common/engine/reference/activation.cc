// Functions of one element with their derivatives, and softmax.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "common/engine/reference/kernel.h"
#include "common/engine/reference/rows.h"

namespace graft::engine::reference {
namespace {

using arch::Attributes;

// A function f(x) and f'(x); at a kink the derivative of the half that is 0 or less.
struct Function {
  double (*value)(double x, const Attributes& attributes);
  double (*derivative)(double x, const Attributes& attributes);
};

double SigmoidOf(double x) { return 1 / (1 + std::exp(-x)); }

// P(X <= x) and the density of X standard normal.
double NormalCdf(double x) { return std::erfc(-x / std::numbers::sqrt2) / 2; }
double NormalPdf(double x) {
  return std::exp(-x * x / 2) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
}

// The argument of gelu's tanh and its derivative. D. Hendrycks, K. Gimpel, "Gaussian Error Linear
// Units", 2016.
constexpr double kCubic = 0.044715;
const double kGeluFactor = std::sqrt(2 / std::numbers::pi);
double GeluArgument(double x) { return kGeluFactor * (x + kCubic * x * x * x); }
double GeluSlope(double x) { return kGeluFactor * (1 + 3 * kCubic * x * x); }

constexpr Function kReluFunction = {
    [](double x, const Attributes&) { return x < 0 ? 0 : x; },  // a NaN stays
    [](double x, const Attributes&) { return x > 0 ? 1.0 : 0.0; }};

constexpr Function kLeakyReluFunction = {[](double x, const Attributes& attributes) {
                                           return x > 0 ? x
                                                        : arch::GetDouble(attributes, "slope") * x;
                                         },
                                         [](double x, const Attributes& attributes) {
                                           return x > 0 ? 1 : arch::GetDouble(attributes, "slope");
                                         }};

constexpr Function kRelu6Function = {
    [](double x, const Attributes&) { return x < 0   ? 0
                                             : x > 6 ? 6
                                                     : x; },
    [](double x, const Attributes&) { return x > 0 && x < 6 ? 1.0 : 0.0; }};

constexpr Function kGeluFunction = {[](double x, const Attributes& attributes) {
                                      if (!arch::GetBool(attributes, "tanh_approximation"))
                                        return x * NormalCdf(x);
                                      return x * (1 + std::tanh(GeluArgument(x))) / 2;
                                    },
                                    [](double x, const Attributes& attributes) {
                                      if (!arch::GetBool(attributes, "tanh_approximation"))
                                        return NormalCdf(x) + x * NormalPdf(x);
                                      const double t = std::tanh(GeluArgument(x));
                                      return (1 + t) / 2 + x * (1 - t * t) * GeluSlope(x) / 2;
                                    }};

constexpr Function kSiluFunction = {[](double x, const Attributes&) { return x * SigmoidOf(x); },
                                    [](double x, const Attributes&) {
                                      const double s = SigmoidOf(x);
                                      return s * (1 + x * (1 - s));
                                    }};

// A. Howard et al., "Searching for MobileNetV3", ICCV 2019.
constexpr Function kHardSwishFunction = {
    [](double x, const Attributes&) { return x * std::clamp(x + 3, 0.0, 6.0) / 6; },
    [](double x, const Attributes&) { return x <= -3  ? 0.0
                                             : x >= 3 ? 1.0
                                                      : (2 * x + 3) / 6; }};

constexpr Function kSigmoidFunction = {
    [](double x, const Attributes&) { return SigmoidOf(x); },
    [](double x, const Attributes&) { return SigmoidOf(x) * SigmoidOf(-x); }};

constexpr Function kTanhFunction = {[](double x, const Attributes&) { return std::tanh(x); },
                                    [](double x, const Attributes&) {
                                      const double t = std::tanh(x);
                                      return 1 - t * t;
                                    }};

template <const Function& function>
void Forward(const Call& call) {
  const std::vector<double>& x = call.operands[0]->data;
  for (std::size_t i = 0; i < x.size(); ++i) {
    call.result->data[i] = function.value(x[i], call.node.attributes);
  }
}

template <const Function& function>
void Backward(const Call& call) {
  Value& x = *call.operands[0];
  for (std::size_t i = 0; i < x.data.size(); ++i) {
    x.gradient[i] +=
        function.derivative(x.data[i], call.node.attributes) * call.result->gradient[i];
  }
}

void SoftmaxForward(const Call& call) {
  const Value& x = *call.operands[0];
  ForEachRow(x, [&](const Row& row) {
    const std::vector<double> log_softmax = LogSoftmax(x.data, row);
    for (std::int64_t i = 0; i < row.length; ++i) {
      call.result->data[row(i)] = std::exp(log_softmax[i]);
    }
  });
}

// dx_i = y_i (dy_i - sum_j y_j dy_j)
void SoftmaxBackward(const Call& call) {
  Value& x = *call.operands[0];
  const std::vector<double>& y = call.result->data;
  const std::vector<double>& dy = call.result->gradient;
  ForEachRow(x, [&](const Row& row) {
    double sum = 0;
    for (std::int64_t i = 0; i < row.length; ++i) sum += y[row(i)] * dy[row(i)];
    for (std::int64_t i = 0; i < row.length; ++i) {
      x.gradient[row(i)] += y[row(i)] * (dy[row(i)] - sum);
    }
  });
}

}  // namespace

const Kernel kRelu = {Forward<kReluFunction>, Backward<kReluFunction>};
const Kernel kLeakyRelu = {Forward<kLeakyReluFunction>, Backward<kLeakyReluFunction>};
const Kernel kRelu6 = {Forward<kRelu6Function>, Backward<kRelu6Function>};
const Kernel kGelu = {Forward<kGeluFunction>, Backward<kGeluFunction>};
const Kernel kSilu = {Forward<kSiluFunction>, Backward<kSiluFunction>};
const Kernel kHardSwish = {Forward<kHardSwishFunction>, Backward<kHardSwishFunction>};
const Kernel kSigmoid = {Forward<kSigmoidFunction>, Backward<kSigmoidFunction>};
const Kernel kTanh = {Forward<kTanhFunction>, Backward<kTanhFunction>};
const Kernel kSoftmax = {SoftmaxForward, SoftmaxBackward};

}  // namespace graft::engine::reference
