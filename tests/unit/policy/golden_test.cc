// The numeric core against PyTorch (tests/golden/policy/make_bilstm_golden.py).
#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "common/base/check.h"
#include "gtest/gtest.h"
#include "services/controller/policy/adam.h"
#include "services/controller/policy/bilstm_encoder.h"
#include "tests/golden/policy/bilstm_golden.h"

namespace graft::policy {
namespace {

constexpr float kTolerance = 2e-6F;

void ExpectNear(std::span<const float> actual, const std::vector<float>& expected,
                const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(actual[i], expected[i], kTolerance) << what << " " << i;
  }
}

class BilstmGoldenTest : public testing::Test {
 protected:
  BilstmGoldenTest() : encoder_(golden::kVocabulary, golden::kEmbedding, golden::kUnits, all_) {
    Set("encoder.embedding", golden::kTable);
    Set("encoder.forward.weight", golden::kForwardWeight);
    Set("encoder.forward.bias", golden::kForwardBias);
    Set("encoder.backward.weight", golden::kBackwardWeight);
    Set("encoder.backward.bias", golden::kBackwardBias);
  }

  const Block& Find(const std::string& name) {
    for (const auto& named : all_.blocks()) {
      if (named.name == name) return named.block;
    }
    GRAFT_CHECK(false) << name;
    __builtin_unreachable();
  }

  void Set(const std::string& name, const std::vector<float>& values) {
    const std::span<float> target = Find(name).In(all_.values());
    GRAFT_CHECK(target.size() == values.size()) << name;
    std::copy(values.begin(), values.end(), target.begin());
  }

  Parameters all_;
  BilstmEncoder encoder_;
};

TEST_F(BilstmGoldenTest, OutputsAndFinalStateEqualPyTorch) {
  const Encoding encoding = encoder_.Forward(all_.values(), golden::kTokens);
  std::vector<float> outputs;
  for (const auto& output : encoding.outputs) {
    outputs.insert(outputs.end(), output.begin(), output.end());
  }
  ExpectNear(outputs, golden::kOutputs, "output");
  ExpectNear(encoding.final.c, golden::kFinalC, "final c");
  ExpectNear(encoding.final.h, golden::kFinalH, "final h");
}

TEST_F(BilstmGoldenTest, GradientsEqualPyTorch) {
  const Encoding encoding = encoder_.Forward(all_.values(), golden::kTokens);
  EncodingGradient d(encoding);
  const std::size_t width = 2 * golden::kUnits;
  for (std::size_t t = 0; t < d.outputs.size(); ++t) {
    const auto row = golden::kOutputWeights.begin() + t * width;
    d.outputs[t].assign(row, row + width);
  }
  d.final.c = golden::kFinalCWeights;
  d.final.h = golden::kFinalHWeights;
  std::vector<float> gradient(all_.values().size());
  encoder_.Backward(all_.values(), encoding, d, gradient);

  const auto part = [&](const std::string& name) { return Find(name).In(std::span(gradient)); };
  ExpectNear(part("encoder.embedding"), golden::kTableGradient, "embedding");
  ExpectNear(part("encoder.forward.weight"), golden::kForwardWeightGradient, "forward weight");
  ExpectNear(part("encoder.forward.bias"), golden::kForwardBiasGradient, "forward bias");
  ExpectNear(part("encoder.backward.weight"), golden::kBackwardWeightGradient, "backward weight");
  ExpectNear(part("encoder.backward.bias"), golden::kBackwardBiasGradient, "backward bias");
}

TEST(AdamGoldenTest, StepsEqualPyTorch) {
  std::vector<float> values = golden::kTable;
  AdamState state(values.size());
  for (int step = 1; step <= 3; ++step) {
    std::vector<float> gradient = golden::kTableGradient;
    for (float& g : gradient) g /= static_cast<float>(step);
    AdamStep({.learning_rate = 2e-3F}, gradient, state, values);
  }
  EXPECT_EQ(state.steps, 3U);
  ExpectNear(values, golden::kTableAfterAdam, "parameter");
}

}  // namespace
}  // namespace graft::policy
