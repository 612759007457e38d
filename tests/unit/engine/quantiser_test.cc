// Quantisers: the values, and gradients that pass straight through.
#include "common/engine/quantiser.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "common/engine/cpu/cpu_backend.h"
#include "common/engine/reference/reference_backend.h"
#include "tests/unit/engine/testing.h"

namespace graft::engine {
namespace {

using testing::Layer;
using Ints = std::vector<std::int64_t>;

TEST(NearestPowerOfTwoTest, RoundsTheLogarithm) {
  for (int k = -20; k <= 20; ++k) {
    const float power = std::ldexp(1.0F, k);
    for (const float sign : {1.0F, -1.0F}) {
      EXPECT_EQ(NearestPowerOfTwo(sign * power, -30, 30), sign * power);
      EXPECT_EQ(NearestPowerOfTwo(sign * power * 1.4142F, -30, 30), sign * power);
      EXPECT_EQ(NearestPowerOfTwo(sign * power * 1.4143F, -30, 30), sign * power * 2);
    }
  }
}

TEST(NearestPowerOfTwoTest, StaysInItsRange) {
  EXPECT_EQ(NearestPowerOfTwo(0.0F, -3, 1), 0.125F);
  EXPECT_EQ(NearestPowerOfTwo(-0.0F, -3, 1), 0.125F);
  EXPECT_EQ(NearestPowerOfTwo(1e-30F, -3, 1), 0.125F);
  EXPECT_EQ(NearestPowerOfTwo(-100.0F, -3, 1), -2.0F);
  EXPECT_EQ(NearestPowerOfTwo(std::numeric_limits<float>::infinity(), -3, 1), 2.0F);
}

const std::vector<float> kLatent = {0.0F,  -0.0F,  0.3F,  -0.3F, 1.0F,  -1.0F,
                                    1.01F, -1.01F, 0.71F, 0.70F, -5.0F, 1e-20F};

class QuantiserTest : public ::testing::TestWithParam<Backend*> {
 protected:
  struct Result {
    std::vector<float> gradient;
    float loss = 0;
  };

  // Of a linear layer whose weight is `values`, through the operator unless that is empty.
  Result Run(const std::string& op, const std::vector<float>& values) {
    std::vector<arch::LayerDef> layers = {Layer("parameter",
                                                {{"name", std::string("latent")},
                                                 {"shape", Ints{3, 4}},
                                                 {"initializer", std::string("zeros")}},
                                                {}, "latent")};
    if (!op.empty()) layers.push_back(Layer(op, {}, {"latent"}, "weight"));
    layers.push_back(Layer("linear", {}, {"input", op.empty() ? "latent" : "weight"}));
    const arch::Architecture network = testing::WithLoss(testing::Network({4}, layers));
    const auto plan = *GetParam()->Compile(network, {.batch = 5});
    ParameterVector parameters(plan->layout().size());
    std::ranges::copy(values, parameters.values().begin());
    const testing::Examples examples(network, 5, 3);
    EXPECT_TRUE(plan->Forward(Mode::kTraining, examples.feed(), parameters).ok());
    ParameterVector gradients(plan->layout().size());
    EXPECT_TRUE(plan->Backward(examples.feed(), parameters, gradients).ok());
    const auto gradient = gradients.values();
    return {{gradient.begin(), gradient.end()}, plan->Output(0)[0]};
  }

  void ExpectStraightThrough(const std::string& op, const std::function<float(float)>& rounded,
                             const std::function<bool(float)>& passes) {
    std::vector<float> values;
    for (const float x : kLatent) values.push_back(rounded(x));
    const Result quantised = Run(op, kLatent);
    const Result plain = Run("", values);
    EXPECT_EQ(quantised.loss, plain.loss);
    for (std::size_t i = 0; i < kLatent.size(); ++i) {
      ASSERT_NE(plain.gradient[i], 0.0F);
      EXPECT_EQ(quantised.gradient[i], passes(kLatent[i]) ? plain.gradient[i] : 0.0F) << kLatent[i];
    }
  }
};

TEST_P(QuantiserTest, SignPassesGradientsWithinOne) {
  ExpectStraightThrough(
      "sign", [](float x) { return x >= 0 ? 1.0F : -1.0F; },
      [](float x) { return std::abs(x) <= 1; });
}

TEST_P(QuantiserTest, PowerOfTwoPassesAllGradients) {
  ExpectStraightThrough(
      "power_of_two", [](float x) { return NearestPowerOfTwo(x, -8, 0); },
      [](float) { return true; });
}

reference::ReferenceBackend reference_backend;
cpu::CpuBackend cpu_backend;
INSTANTIATE_TEST_SUITE_P(Both, QuantiserTest,
                         ::testing::Values<Backend*>(&reference_backend, &cpu_backend),
                         [](const auto& test) { return test.param->name(); });

}  // namespace
}  // namespace graft::engine
