#include "common/runner/probe.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/engine/parameters.h"

namespace graft::runner {
namespace {

absl::StatusOr<std::vector<float>> Logits(engine::Backend& backend, const WeightedNetwork& network,
                                          const ImageBatch& probe) {
  ASSIGN_OR_RETURN(const std::unique_ptr<engine::Plan> plan,
                   backend.Compile(*network.architecture,
                                   {.batch = probe.count, .gradients = false, .exact = true}));
  ASSIGN_OR_RETURN(engine::ParameterVector parameters,
                   engine::FromTensors(*network.architecture, plan->layout(), *network.weights));
  RETURN_IF_ERROR(plan->Forward(engine::Mode::kInference, probe.AsFeed(), parameters));
  const std::span<const float> logits = plan->Output(0);
  return std::vector<float>(logits.begin(), logits.end());
}

}  // namespace

absl::StatusOr<double> PreservationError(engine::Backend& backend, const WeightedNetwork& parent,
                                         const WeightedNetwork& child, const ImageBatch& probe) {
  ASSIGN_OR_RETURN(const std::vector<float> expected, Logits(backend, parent, probe));
  ASSIGN_OR_RETURN(const std::vector<float> actual, Logits(backend, child, probe));
  if (expected.size() != actual.size()) {
    return absl::InvalidArgumentError(absl::StrCat("the parent has ", expected.size() / probe.count,
                                                   " outputs, the child ",
                                                   actual.size() / probe.count));
  }
  double largest = 0;
  double difference = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double gap = std::abs(double{actual[i]} - expected[i]);
    if (!std::isfinite(gap)) return std::numeric_limits<double>::infinity();
    difference = std::max(difference, gap);
    largest = std::max(largest, std::abs(double{expected[i]}));
  }
  return difference == 0 ? 0 : difference / largest;
}

}  // namespace graft::runner
