#include "services/controller/policy/eas_network.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "services/controller/policy/float_math.h"
#include "services/controller/policy/random_policy.h"
#include "services/controller/policy/walk.h"
#include "tests/unit/policy/policy_test_util.h"

namespace graft::policy {
namespace {

TEST(EasNetworkTest, HasThePublishedNumberOfParameters) {
  // 16 V embedding + 2 directions x (16 + 50 + 1) x 4 x 50 + widen 101 + start 16 + block and
  // position embeddings (5 + 10) x 16 + LSTM (16 + 100 + 1) x 4 x 100 + classifiers 101 x (5 + 10 +
  // 3).
  EXPECT_EQ(EasNetwork({.vocabulary = 42}).parameters().values().size(), 76'447U);
  EXPECT_EQ(EasNetwork({.vocabulary = 52}).parameters().values().size(), 76'607U);
}

TEST(EasNetworkTest, BeginsAsPublished) {
  EasNetwork network({.vocabulary = 42});
  base::Rng rng(1);
  network.Initialize(rng);
  for (const auto& [name, block] : network.parameters().blocks()) {
    const auto values = block.In(std::as_const(network).parameters().values());
    const float largest = std::fabs(
        *std::ranges::max_element(values, {}, [](float value) { return std::fabs(value); }));
    if (name.ends_with("embedding") || name == "deepen.start") {
      EXPECT_LE(largest, std::sqrt(3.0F)) << name;
      EXPECT_GT(largest, 1.0F) << name;
    } else if (name.ends_with("weight")) {
      EXPECT_LE(largest, std::sqrt(6.0F / static_cast<float>(block.rows + block.columns))) << name;
      EXPECT_GT(largest, 0.0F) << name;
    } else if (name.ends_with("classifier.bias")) {
      EXPECT_EQ(largest, 0.0F) << name;
    } else {
      EXPECT_EQ(largest, 1.0F) << name;  // the forget gates'
    }
  }
}

// Steps of random walks through the demo space, with limits that mask actions on the way, and
// advantages of both signs.
class EasGradientTest : public testing::Test {
 protected:
  EasGradientTest()
      : space_(MakeSpace({.filters = {4, 8}, .max_macs = 400'000, .max_layers = 8})),
        network_({.vocabulary = space_.vocabulary_size(),
                  .embedding = 6,
                  .encoder_units = 7,
                  .blocks = space_.block_count(),
                  .positions = kMaxPositions}) {
    base::Rng rng(5);
    network_.Initialize(rng);
    RandomPolicy random({.widen_actions = 2, .deepen_actions = 4}, &space_, 11);
    for (int child = 0; child < 3; ++child) {
      const auto actions = ParseActions(Draw(random, space_.start()).actions);
      GRAFT_CHECK_OK(actions.status());
      const auto walk = RepeatWalk(space_, space_.start(), {.widen = 2, .deepen = 4}, *actions);
      GRAFT_CHECK_OK(walk.status());
      for (const Step& step : walk->steps) {
        steps_.push_back({.step = step, .advantage = child == 1 ? -0.8F : 0.5F});
      }
    }
  }

  double Loss() {
    std::vector<float> unused(network_.parameters().values().size());
    return ReinforceLoss(network_, steps_, kEntropyWeight, unused).loss;
  }

  // dL/ds of the parameters + s direction, by the five-point central difference.
  double Difference(const Block& block, const std::vector<float>& direction) {
    constexpr float kStep = 0.03F;
    const std::span<float> values = block.In(network_.parameters().values());
    const std::vector<float> before(values.begin(), values.end());
    const auto loss_at = [&](float s) {
      AddScaled(s, direction, values);
      const double loss = Loss();
      std::ranges::copy(before, values.begin());
      return loss;
    };
    return (8 * (loss_at(kStep) - loss_at(-kStep)) - (loss_at(2 * kStep) - loss_at(-2 * kStep))) /
           (12 * kStep);
  }

  // Far above the real one, so that an error in the entropy's gradient shows.
  static constexpr float kEntropyWeight = 2.0F;

  space::PlainSpace space_;
  EasNetwork network_;
  std::vector<WeightedStep> steps_;
};

TEST_F(EasGradientTest, StepsCoverBothActorsMasksAndBlocksWithoutKernels) {
  bool widen_masked = false, deepen_masked = false, without_kernel = false, with_kernel = false;
  for (const WeightedStep& weighted : steps_) {
    if (const auto* widen = std::get_if<WidenStep>(&weighted.step)) {
      for (std::size_t t = 0; t < widen->mask.size(); ++t) {
        widen_masked |= !widen->mask[t] && widen->tokens[t] != space_.vocabulary_size() - 1;
      }
    } else {
      const auto& deepen = std::get<DeepenStep>(weighted.step);
      const std::vector<bool> kernels = deepen.choices.Kernels(0, 0);
      deepen_masked |= std::ranges::find(kernels, false) != kernels.end();
      (deepen.action.kernel ? with_kernel : without_kernel) = true;
    }
  }
  EXPECT_TRUE(widen_masked);
  EXPECT_TRUE(deepen_masked);
  EXPECT_TRUE(with_kernel);
  EXPECT_TRUE(without_kernel);
}

TEST_F(EasGradientTest, EqualsFiniteDifferencesInEveryBlock) {
  std::vector<float> gradient(network_.parameters().values().size());
  ReinforceLoss(network_, steps_, kEntropyWeight, gradient);
  base::Rng rng(3);
  for (const auto& [name, block] : network_.parameters().blocks()) {
    const std::span<const float> analytic = block.In(std::span<const float>(gradient));
    const float norm = std::sqrt(Dot(analytic, analytic));
    ASSERT_GT(norm, 1e-3F) << name << " is not used";

    std::vector<std::vector<float>> directions;
    std::vector<float> along(analytic.begin(), analytic.end());
    for (float& value : along) value /= norm;
    directions.push_back(along);
    for (int i = 0; i < 3; ++i) {  // single parameters
      std::vector<float> one(block.size());
      one[rng.UniformInt(block.size())] = 1.0F;
      directions.push_back(one);
    }
    std::vector<float> random(block.size());
    FillUniform(random, 1.7F / std::sqrt(static_cast<float>(block.size())), rng);
    directions.push_back(random);

    for (const auto& direction : directions) {
      const float expected = Dot(analytic, direction);
      EXPECT_NEAR(Difference(block, direction), expected, 1e-3 * norm + 2e-4) << name;
    }
  }
}

TEST_F(EasGradientTest, MaskedChoicesOfAnInsertionGetExactlyZero) {
  DeepenChoices choices(space_.block_count(), kMaxPositions, 3);
  choices.Allow(1, 0, 0);
  choices.Allow(1, 2, 1);
  choices.Allow(1, 2, 2);
  choices.Allow(3, 1, 0);
  const DeepenStep step{
      .tokens = {1, 2, 3}, .choices = choices, .action = {.block = 1, .position = 2, .kernel = 1}};
  std::vector<float> gradient(network_.parameters().values().size());
  network_.AddGradient(step, 1.0F, 1.0F, gradient);

  const auto expect_only = [&](const std::string& name, const std::vector<int>& outputs) {
    for (const auto& [block_name, block] : network_.parameters().blocks()) {
      if (block_name != name + ".weight" && block_name != name + ".bias") continue;
      for (int row = 0; row < block.rows; ++row) {
        const auto values = block.Row(std::span<const float>(gradient), row);
        for (int output = 0; output < block.columns; ++output) {
          const bool legal = std::ranges::find(outputs, output) != outputs.end();
          EXPECT_EQ(values[output] != 0.0F, legal) << block_name << " " << row << " " << output;
        }
      }
    }
  };
  expect_only("deepen.block_classifier", {1, 3});
  expect_only("deepen.position_classifier", {0, 2});
  expect_only("deepen.kernel_classifier", {1, 2});
}

TEST_F(EasGradientTest, MaskedLayersGetExactlyZero) {
  const Encoding encoding = network_.Encode({1, 5, 2});
  Parameters parameters;
  const WidenActor actor(static_cast<int>(encoding.final.h.size()), parameters);
  base::Rng rng(2);
  actor.Initialize(parameters.values(), rng);
  std::vector<float> gradient(parameters.values().size());
  EncodingGradient d(encoding);
  actor.Backward(parameters.values(), encoding, std::vector<float>{0.0F, 0.7F, 0.0F}, gradient, d);
  const std::vector<float> zeros(encoding.final.h.size());
  EXPECT_EQ(d.outputs[0], zeros);
  EXPECT_NE(d.outputs[1], zeros);
  EXPECT_EQ(d.outputs[2], zeros);

  // Their tokens still matter as neighbours, but what is chosen for them does not.
  WidenStep step{.tokens = {1, 5, 2}, .mask = {false, true, false}, .action = {false, true, false}};
  std::vector<float> all(network_.parameters().values().size());
  const StepTerms terms = network_.AddGradient(step, 1.0F, 1.0F, all);
  EXPECT_EQ(terms.decisions, 1);
  EXPECT_EQ(terms.log_probability, network_.Widen(encoding)[1].LogProbability(true));
}

TEST_F(EasGradientTest, AStepWithoutLegalLayersContributesNothing) {
  const WidenStep step{.tokens = {1, 2}, .mask = {false, false}, .action = {false, false}};
  std::vector<float> gradient(network_.parameters().values().size());
  const StepTerms terms = network_.AddGradient(step, 1.0F, 1.0F, gradient);
  EXPECT_EQ(terms.log_probability, 0.0);
  EXPECT_EQ(terms.entropy, 0.0);
  EXPECT_EQ(gradient, std::vector<float>(gradient.size()));
}

// Entropy is a mean over steps, so the bonus does not grow with the number of children.
TEST_F(EasGradientTest, EntropyIsAMeanOverSteps) {
  std::vector<float> once(network_.parameters().values().size()), twice = once;
  for (WeightedStep& step : steps_) step.advantage = 0;
  const LossTerms first = ReinforceLoss(network_, steps_, 1.0F, once);
  std::vector<WeightedStep> doubled = steps_;
  doubled.insert(doubled.end(), steps_.begin(), steps_.end());
  const LossTerms second = ReinforceLoss(network_, doubled, 1.0F, twice);
  EXPECT_NEAR(first.entropy, second.entropy, 1e-6);
  EXPECT_NEAR(first.loss, second.loss, 1e-6);
  EXPECT_NEAR(-first.loss, first.entropy, 1e-5);
  EXPECT_GT(first.widen_entropy, 0.0);
  EXPECT_GT(first.deepen_entropy, 0.0);
}

}  // namespace
}  // namespace graft::policy
