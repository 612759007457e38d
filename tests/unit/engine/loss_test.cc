// The loss against values worked out by hand.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "common/engine/cpu/cpu_backend.h"
#include "common/engine/reference/reference_backend.h"
#include "tests/unit/engine/testing.h"

namespace graft::engine {
namespace {

reference::ReferenceBackend reference_backend;
cpu::CpuBackend cpu_backend;

class LossTest : public ::testing::TestWithParam<Backend*> {
 protected:
  // Of two examples with the logits (0, ln 3) and (ln 7, 0) and the labels 1 and 1: the
  // probabilities are (1/4, 3/4) and (7/8, 1/8).
  static double Loss(double label_smoothing) {
    const arch::Architecture graph =
        testing::WithLoss(testing::Network({2}, {testing::Layer("relu")}), label_smoothing);
    const auto plan = *GetParam()->Compile(graph, {.batch = 2});
    ParameterVector parameters = InitializeParameters(graph, plan->layout(), 0);
    const std::vector<float> images = {0, std::log(3.0F), std::log(7.0F), 0};
    const std::vector<std::int32_t> labels = {1, 1};
    EXPECT_TRUE(plan->Forward(Mode::kTraining,
                              {.count = 2, .inputs = {images.data(), labels.data()}}, parameters)
                    .ok());
    return plan->Output(0)[0];
  }
};

TEST_P(LossTest, IsTheMeanOfTheLabelsNegativeLogProbabilities) {
  EXPECT_NEAR(Loss(0), (std::log(4.0 / 3) + std::log(8.0)) / 2, 1e-6);
}

TEST_P(LossTest, SmoothingSpreadsTheTargetsOverAllClasses) {
  // Targets (0.1, 0.9), twice.
  const double first = 0.1 * std::log(4.0) + 0.9 * std::log(4.0 / 3);
  const double second = 0.1 * std::log(8.0 / 7) + 0.9 * std::log(8.0);
  EXPECT_NEAR(Loss(0.2), (first + second) / 2, 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Backends, LossTest, ::testing::Values(&reference_backend, &cpu_backend),
                         [](const auto& info) { return std::string(info.param->name()); });

}  // namespace
}  // namespace graft::engine
