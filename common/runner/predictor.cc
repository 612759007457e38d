#include "common/runner/predictor.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "common/base/status_macros.h"

namespace graft::runner {
absl::StatusOr<Predictor> Predictor::Create(engine::Backend& backend,
                                            const WeightedNetwork& network, std::int64_t batch) {
  ASSIGN_OR_RETURN(std::unique_ptr<engine::Plan> plan,
                   backend.Compile(*network.architecture, {.batch = batch, .gradients = false}));
  ASSIGN_OR_RETURN(engine::ParameterVector parameters,
                   engine::FromTensors(*network.architecture, plan->layout(), *network.weights));
  return Predictor(std::move(plan), std::move(parameters));
}

absl::StatusOr<std::vector<float>> Predictor::Logits(const ImageBatch& images) {
  RETURN_IF_ERROR(plan_->Forward(engine::Mode::kInference, images.AsFeed(), parameters_));
  const std::span<const float> logits = plan_->Output(0);
  return std::vector<float>(logits.begin(), logits.end());
}

std::vector<double> Softmax(std::span<const float> logits) {
  const double largest = *std::ranges::max_element(logits);
  std::vector<double> probabilities;
  double sum = 0;
  for (const float logit : logits) sum += probabilities.emplace_back(std::exp(logit - largest));
  for (double& probability : probabilities) probability /= sum;
  return probabilities;
}

}  // namespace graft::runner
