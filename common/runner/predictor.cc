#include "common/runner/predictor.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "common/base/status_macros.h"

namespace graft::runner {
namespace {

// Appends exp(x - max) / sum of the same.
void AppendSoftmax(std::span<const float> logits, std::vector<double>& probabilities) {
  const double largest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  for (const float logit : logits) probabilities.push_back(std::exp(logit - largest) / sum);
}

}  // namespace

absl::StatusOr<Predictor> Predictor::Create(engine::Backend& backend,
                                            const WeightedNetwork& network, std::int64_t batch) {
  ASSIGN_OR_RETURN(std::unique_ptr<engine::Plan> plan,
                   backend.Compile(*network.architecture, {.batch = batch, .gradients = false}));
  ASSIGN_OR_RETURN(engine::ParameterVector parameters,
                   engine::FromTensors(*network.architecture, plan->layout(), *network.weights));
  return Predictor(std::move(plan), std::move(parameters));
}

absl::StatusOr<std::vector<double>> Predictor::Probabilities(const ImageBatch& images) {
  RETURN_IF_ERROR(plan_->Forward(engine::Mode::kInference, images.AsFeed(), parameters_));
  const std::span<const float> logits = plan_->Output(0);
  const std::size_t classes = logits.size() / static_cast<std::size_t>(images.count);
  std::vector<double> probabilities;
  probabilities.reserve(logits.size());
  for (std::size_t row = 0; row < logits.size(); row += classes) {
    AppendSoftmax(logits.subspan(row, classes), probabilities);
  }
  return probabilities;
}

}  // namespace graft::runner
