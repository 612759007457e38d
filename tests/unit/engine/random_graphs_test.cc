// Whole random graphs: the CPU backend computes what the reference computes.
#include <gtest/gtest.h>

#include "common/engine/cpu/cpu_backend.h"
#include "common/engine/reference/reference_backend.h"
#include "tests/property/random_architecture.h"
#include "tests/unit/engine/testing.h"

namespace graft::engine {
namespace {

using testing::Examples;
using testing::RandomParameters;
using testing::RelativeDifference;

class RandomGraphTest : public ::testing::TestWithParam<int> {};

TEST_P(RandomGraphTest, CpuEqualsReference) {
  base::Rng rng(GetParam());
  const arch::Architecture architecture =
      testing::WithLoss(graft::testing::RandomArchitecture(rng));
  SCOPED_TRACE(arch::Render(architecture));
  reference::ReferenceBackend reference;
  cpu::CpuBackend cpu;
  const auto expected = reference.Compile(architecture, {.batch = 5});
  const auto actual = cpu.Compile(architecture, {.batch = 5});
  ASSERT_TRUE(expected.ok()) << expected.status();
  ASSERT_TRUE(actual.ok()) << actual.status();
  const Examples examples(architecture, 5, GetParam());
  const ParameterLayout& layout = (*expected)->layout();
  ParameterVector parameters = RandomParameters(architecture, layout, GetParam());
  ParameterVector cpu_parameters = parameters;
  for (const Mode mode : {Mode::kInference, Mode::kTraining}) {
    ASSERT_TRUE((*expected)->Forward(mode, examples.feed(), parameters).ok());
    ASSERT_TRUE((*actual)->Forward(mode, examples.feed(), cpu_parameters).ok());
    EXPECT_LE(RelativeDifference((*actual)->Output(1), (*expected)->Output(1)), 1e-4);
  }
  EXPECT_LE(RelativeDifference(cpu_parameters.values(), parameters.values()), 1e-5);
  ParameterVector expected_gradients(layout.size());
  ParameterVector actual_gradients(layout.size());
  ASSERT_TRUE((*expected)->Backward(examples.feed(), parameters, expected_gradients).ok());
  ASSERT_TRUE((*actual)->Backward(examples.feed(), cpu_parameters, actual_gradients).ok());
  EXPECT_LE(RelativeDifference(actual_gradients.values(), expected_gradients.values()), 1e-3);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomGraphTest, ::testing::Range(0, 60));

}  // namespace
}  // namespace graft::engine
