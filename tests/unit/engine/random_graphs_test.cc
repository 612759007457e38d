// Whole random graphs: the CPU backend computes what the reference computes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>
#include <vector>

#include "common/engine/cpu/cpu_backend.h"
#include "common/engine/reference/reference_backend.h"
#include "tests/property/random_architecture.h"
#include "tests/unit/engine/testing.h"

namespace graft::engine {
namespace {

using testing::Examples;
using testing::RandomParameters;
using testing::RelativeDifference;

using Ints = std::vector<std::int64_t>;

// Differences of this size, relative to the largest element, are rounding.
constexpr double kRounding = 3e-6;
// Closer than this are values that are equal but for the reference's own rounding.
constexpr double kEqual = 1e-12;

bool IsNear(double distance, double scale) {
  return distance > kEqual * scale && distance < kRounding * scale;
}

double Scale(std::span<const double> values) {
  double scale = 0;
  for (const double value : values) scale = std::max(scale, std::abs(value));
  return scale;
}

// Whether rounding may change which element of `values` is the largest.
bool HasNearTie(std::vector<double> values, double scale) {
  if (values.size() < 2) return false;
  std::ranges::partial_sort(values, values.begin() + 2, std::greater<>());
  return IsNear(values[0] - values[1], scale);
}

// Calls visit(values) with the elements of each window of a maximum over x: [planes, H, W].
template <typename F>
void ForEachWindow(const arch::Node& node, const tensor::Shape& shape, std::span<const double> x,
                   F visit) {
  Ints kernel = {shape.dim(1), shape.dim(2)}, strides = kernel, padding = {0, 0, 0, 0};
  if (node.op->name == "max_pool") {
    kernel = arch::GetInts(node.attributes, "kernel");
    strides = arch::GetInts(node.attributes, "strides");
    padding = arch::GetInts(node.attributes, "padding");
  }
  const std::int64_t height = shape.dim(1), width = shape.dim(2);
  const auto size = static_cast<std::int64_t>(x.size());
  for (std::int64_t plane = 0; plane < size; plane += height * width) {
    for (std::int64_t i = -padding[0]; i + kernel[0] <= height + padding[2]; i += strides[0]) {
      for (std::int64_t j = -padding[1]; j + kernel[1] <= width + padding[3]; j += strides[1]) {
        std::vector<double> values;
        for (std::int64_t row = std::max<std::int64_t>(i, 0); row < std::min(i + kernel[0], height);
             ++row) {
          for (std::int64_t column = std::max<std::int64_t>(j, 0);
               column < std::min(j + kernel[1], width); ++column) {
            values.push_back(x[plane + row * width + column]);
          }
        }
        visit(std::move(values));
      }
    }
  }
}

// Whether rounding may choose another branch of a ReLU or of a maximum: the gradient jumps there,
// and no two implementations agree.
bool IsNearKink(reference::ReferencePlan& plan) {
  const arch::Architecture& architecture = plan.architecture();
  bool near = false;
  for (const arch::Node& node : architecture.nodes()) {
    if (node.operands.empty()) continue;
    const std::span<const double> x = plan.PreciseValue(node.operands[0]);
    const double scale = Scale(x);
    if (node.op->name == "relu") {
      for (const double value : x) near = near || IsNear(std::abs(value), scale);
    }
    if (node.op->name == "max_pool" || node.op->name == "global_max_pool") {
      ForEachWindow(
          node, architecture.node(node.operands[0]).type.shape, x,
          [&](std::vector<double> values) { near = near || HasNearTie(std::move(values), scale); });
    }
  }
  return near;
}

class RandomGraphTest : public ::testing::TestWithParam<int> {};

TEST_P(RandomGraphTest, CpuEqualsReference) {
  base::Rng rng(GetParam());
  const arch::Architecture architecture =
      testing::WithLoss(graft::testing::RandomArchitecture(rng));
  SCOPED_TRACE(arch::Render(architecture));
  reference::ReferenceBackend reference;
  cpu::CpuBackend cpu;
  const auto expected = reference.CompileReference(architecture, {.batch = 5});
  const auto actual = cpu.Compile(architecture, {.batch = 5});
  ASSERT_TRUE(expected.ok()) << expected.status();
  ASSERT_TRUE(actual.ok()) << actual.status();
  const ParameterLayout& layout = (*expected)->layout();
  ParameterVector parameters(layout.size());
  Examples examples(architecture, 5, 0);
  int attempts = 0;
  for (bool near_kink = true; near_kink; ++attempts) {
    ASSERT_LT(attempts, 100);
    examples = Examples(architecture, 5, 100 * GetParam() + attempts);
    parameters = RandomParameters(architecture, layout, 100 * GetParam() + attempts);
    ParameterVector scratch = parameters;
    ASSERT_TRUE((*expected)->Forward(Mode::kTraining, examples.feed(), scratch).ok());
    near_kink = IsNearKink(**expected);
  }
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
