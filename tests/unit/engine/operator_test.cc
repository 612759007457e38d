// Every registered operator: gradient against finite differences, the CPU backend against the
// reference.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "common/arch/operator_registry.h"
#include "common/engine/cpu/cpu_backend.h"
#include "common/engine/reference/reference_backend.h"
#include "tests/unit/engine/operator_cases.h"
#include "tests/unit/engine/testing.h"

namespace graft::engine {
namespace {

using testing::Examples;
using testing::OperatorCase;
using testing::RandomParameters;
using testing::RelativeDifference;

constexpr std::int64_t kBatch = 6;

TEST(OperatorCoverageTest, EveryRegisteredOperatorHasKernelsAndCases) {
  for (const arch::OperatorSpec* op : arch::AllOperators()) {
    EXPECT_TRUE(reference::HasKernel(op->name)) << op->name;
    EXPECT_TRUE(cpu::HasKernel(op->name)) << op->name;
    EXPECT_FALSE(testing::CasesOf(op->name).empty()) << op->name;
  }
}

class OperatorTest : public ::testing::TestWithParam<OperatorCase> {
 protected:
  const arch::Architecture& architecture() const { return GetParam().architecture; }

  std::unique_ptr<Plan> Compile(Backend& backend) const {
    absl::StatusOr<std::unique_ptr<Plan>> plan = backend.Compile(architecture(), {.batch = kBatch});
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan.ok() ? *std::move(plan) : nullptr;
  }

  reference::ReferenceBackend reference_;
  cpu::CpuBackend cpu_;
};

class DifferentiableOperatorTest : public OperatorTest {};

TEST_P(DifferentiableOperatorTest, GradientEqualsFiniteDifference) {
  const auto plan = reference_.CompileReference(architecture(), {.batch = kBatch});
  ASSERT_TRUE(plan.ok()) << plan.status();
  const Examples examples(architecture(), 3, 11);
  const ParameterLayout& layout = (*plan)->layout();
  ParameterVector parameters = RandomParameters(architecture(), layout, 5);
  ParameterVector gradients(layout.size());
  ASSERT_TRUE((*plan)->Forward(Mode::kTraining, examples.feed(), parameters).ok());
  ASSERT_TRUE((*plan)->Backward(examples.feed(), parameters, gradients).ok());
  const auto loss_with = [&](std::int64_t position, float value) {
    ParameterVector moved = parameters;
    moved.values()[position] = value;
    EXPECT_TRUE((*plan)->Forward(Mode::kTraining, examples.feed(), moved).ok());
    return (*plan)->PreciseValue(architecture().outputs()[0].node)[0];
  };
  base::Rng rng(3);
  for (const ParameterLayout::Slot& slot : layout.slots()) {
    if (!slot.trainable) continue;
    float largest = 0;
    for (const float gradient : gradients.slice(slot)) {
      largest = std::max(largest, std::abs(gradient));
    }
    for (int sample = 0; sample < std::min<std::int64_t>(slot.count, 6); ++sample) {
      const std::int64_t position =
          slot.offset + static_cast<std::int64_t>(rng.UniformInt(slot.count));
      const float centre = parameters.values()[position];
      const float above = centre + 0x1p-14F;
      const float below = centre - 0x1p-14F;
      const double difference = (loss_with(position, above) - loss_with(position, below)) /
                                (static_cast<double>(above) - static_cast<double>(below));
      EXPECT_NEAR(gradients.values()[position], difference, 1e-5 * largest + 1e-7)
          << architecture().node(slot.node).id << "[" << position - slot.offset << "]";
    }
  }
}

TEST_P(OperatorTest, CpuEqualsReference) {
  const std::unique_ptr<Plan> expected = Compile(reference_);
  const std::unique_ptr<Plan> actual = Compile(cpu_);
  ASSERT_TRUE(expected != nullptr && actual != nullptr);
  const ParameterLayout& layout = expected->layout();
  const Examples examples(architecture(), kBatch, 11);
  // A whole batch, a part of one, and the whole again: the parts must leave nothing behind.
  for (const std::int64_t count : {kBatch, std::int64_t{4}, kBatch}) {
    SCOPED_TRACE(count);
    const Feed feed = examples.feed(count, 100 + count);
    ParameterVector expected_parameters = RandomParameters(architecture(), layout, 5);
    ParameterVector actual_parameters = expected_parameters;
    for (const Mode mode : {Mode::kInference, Mode::kTraining}) {
      ASSERT_TRUE(expected->Forward(mode, feed, expected_parameters).ok());
      const absl::Status status = actual->Forward(mode, feed, actual_parameters);
      ASSERT_TRUE(status.ok()) << status;
      EXPECT_LE(RelativeDifference(actual->Output(0), expected->Output(0)), 1e-5);
      EXPECT_LE(RelativeDifference(actual->Output(1), expected->Output(1)), 1e-5);
      EXPECT_LE(RelativeDifference(actual_parameters.values(), expected_parameters.values()), 1e-6);
    }
    ParameterVector expected_gradients(layout.size());
    ParameterVector actual_gradients(layout.size());
    std::ranges::fill(actual_gradients.values(), 3.0F);  // must be overwritten
    ASSERT_TRUE(expected->Backward(feed, expected_parameters, expected_gradients).ok());
    ASSERT_TRUE(actual->Backward(feed, actual_parameters, actual_gradients).ok());
    for (const ParameterLayout::Slot& slot : layout.slots()) {
      if (!slot.trainable) continue;
      EXPECT_LE(RelativeDifference(actual_gradients.slice(slot), expected_gradients.slice(slot),
                                   /*floor=*/1e-3),
                1e-4)
          << architecture().node(slot.node).id;
    }
  }
}

// All but those with a straight-through gradient, which quantiser_test.cc checks.
std::vector<OperatorCase> DifferentiableCases() {
  std::vector<OperatorCase> cases = testing::AllCases();
  std::erase_if(cases, [](const OperatorCase& one) { return one.straight_through; });
  return cases;
}

INSTANTIATE_TEST_SUITE_P(All, DifferentiableOperatorTest,
                         ::testing::ValuesIn(DifferentiableCases()),
                         [](const auto& test) { return test.param.name; });
INSTANTIATE_TEST_SUITE_P(All, OperatorTest, ::testing::ValuesIn(testing::AllCases()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace graft::engine
