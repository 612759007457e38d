// Optimisers against PyTorch's, and against their papers where it has none (optimizer_golden.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "common/engine/optimizer.h"
#include "tests/golden/pytorch/golden_file.h"

namespace graft::engine {
namespace {

constexpr int kSteps = 5;
constexpr std::int64_t kSize = 96;

struct Tensor {
  std::string name;
  ParameterSegment segment;
};

// Where the tensors lie: with padding between them, as in a ParameterLayout.
std::vector<Tensor> Tensors() {
  return {{"tall", {.offset = 0, .count = 24, .rows = 6}},
          {"wide", {.offset = 32, .count = 30, .rows = 3}},
          {"vector", {.offset = 64, .count = 7}}};
}

struct Case {
  std::string name;
  recipe::OptimizerOptions options;
  float rate = 0.03F;
};

class OptimizerGoldenTest : public ::testing::TestWithParam<Case> {
 protected:
  std::vector<float> Gather(const std::string& prefix) const {
    std::vector<float> buffer(kSize, 0.0F);
    for (const Tensor& tensor : Tensors()) {
      std::ranges::copy(golden_.at(prefix + "." + tensor.name),
                        buffer.begin() + tensor.segment.offset);
    }
    return buffer;
  }

  const std::map<std::string, std::vector<float>> golden_ = ReadGolden("optimizers");
};

TEST_P(OptimizerGoldenTest, FiveStepsArriveWhereTheOthersDo) {
  std::vector<ParameterSegment> segments;
  for (const Tensor& tensor : Tensors()) segments.push_back(tensor.segment);
  const auto optimizer = MakeOptimizer(GetParam().options, segments, kSize);
  std::vector<float> parameters = Gather("p");
  const std::vector<float> start = parameters;
  for (int step = 0; step < kSteps; ++step) {
    optimizer->Step(GetParam().rate, Gather("g" + std::to_string(step)), parameters,
                    /*gradient_scale=*/1);
  }
  const std::vector<float> expected = Gather(GetParam().name);
  double moved = 0;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    EXPECT_NEAR(parameters[i], expected[i], 2e-6) << "element " << i;
    moved = std::max<double>(moved, std::abs(parameters[i] - start[i]));
  }
  EXPECT_GT(moved, 1e-3);
}

TEST_P(OptimizerGoldenTest, GradientsAreScaledBeforeAllElse) {
  std::vector<ParameterSegment> segments;
  for (const Tensor& tensor : Tensors()) segments.push_back(tensor.segment);
  const auto scaled = MakeOptimizer(GetParam().options, segments, kSize);
  const auto plain = MakeOptimizer(GetParam().options, segments, kSize);
  std::vector<float> moved_by_scaled = Gather("p");
  std::vector<float> moved_by_plain = moved_by_scaled;
  for (int step = 0; step < kSteps; ++step) {
    std::vector<float> gradients = Gather("g" + std::to_string(step));
    plain->Step(GetParam().rate, gradients, moved_by_plain, /*gradient_scale=*/1);
    for (float& gradient : gradients) gradient *= 4;
    scaled->Step(GetParam().rate, gradients, moved_by_scaled, /*gradient_scale=*/0.25F);
  }
  EXPECT_EQ(moved_by_scaled, moved_by_plain);
}

INSTANTIATE_TEST_SUITE_P(
    Optimizers, OptimizerGoldenTest,
    ::testing::Values(
        Case{"sgd_nesterov",
             recipe::SgdOptions{.momentum = 0.9, .nesterov = true, .weight_decay = 0.01}},
        Case{"sgd_classical",
             recipe::SgdOptions{.momentum = 0.8, .nesterov = false, .weight_decay = 0}},
        Case{"adam", recipe::AdamOptions{.weight_decay = 0.1}},
        Case{"adamw",
             recipe::AdamOptions{
                 .beta1 = 0.8, .beta2 = 0.95, .weight_decay = 0.1, .decoupled = true}},
        Case{"ada_delta", recipe::AdaDeltaOptions{.weight_decay = 0.01}, /*rate=*/1},
        Case{"lamb", recipe::LambOptions{}},
        Case{"muon", recipe::MuonOptions{.weight_decay = 0.02}}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace graft::engine
