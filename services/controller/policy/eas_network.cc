#include "services/controller/policy/eas_network.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "common/base/check.h"

namespace graft::policy {
namespace {

double Mean(double sum, int count) { return count == 0 ? 0 : sum / count; }

// Sums of terms over steps of one kind.
struct TermSums {
  int steps = 0;
  int decisions = 0;
  double entropy = 0;
  double probability = 0;

  void Add(const StepTerms& terms) {
    ++steps;
    decisions += terms.decisions;
    entropy += terms.entropy;
    probability += terms.probability;
  }
};

}  // namespace

EasNetwork::EasNetwork(const Sizes& sizes)
    : encoder_(sizes.vocabulary, sizes.embedding, sizes.encoder_units, parameters_),
      widen_(encoder_.output_size(), parameters_),
      deepen_({.blocks = sizes.blocks,
               .positions = sizes.positions,
               .kernels = sizes.kernels,
               .embedding = sizes.embedding,
               .units = encoder_.output_size()},
              parameters_) {}

void EasNetwork::Initialize(base::Rng& rng) {
  encoder_.Initialize(parameters_.values(), rng);
  widen_.Initialize(parameters_.values(), rng);
  deepen_.Initialize(parameters_.values(), rng);
}

Encoding EasNetwork::Encode(std::vector<int> tokens) const {
  return encoder_.Forward(parameters_.values(), std::move(tokens));
}

std::vector<Bernoulli> EasNetwork::Widen(const Encoding& encoding) const {
  return widen_.Forward(parameters_.values(), encoding);
}

DeepenDecoding EasNetwork::Deepen(const Encoding& encoding, const DeepenChoices& choices,
                                  const DeepenActor::Chooser& choose) const {
  return deepen_.Forward(parameters_.values(), encoding.final, choices, choose);
}

StepTerms EasNetwork::AddGradient(const Step& step, float weight, float entropy_weight,
                                  std::span<float> gradient) const {
  if (const auto* widen = std::get_if<WidenStep>(&step)) {
    return AddWidenGradient(*widen, weight, entropy_weight, gradient);
  }
  return AddDeepenGradient(std::get<DeepenStep>(step), weight, entropy_weight, gradient);
}

StepTerms EasNetwork::AddWidenGradient(const WidenStep& step, float weight, float entropy_weight,
                                       std::span<float> gradient) const {
  GRAFT_CHECK(step.mask.size() == step.tokens.size() && step.action.size() == step.tokens.size());
  StepTerms terms;
  terms.decisions = static_cast<int>(std::count(step.mask.begin(), step.mask.end(), true));
  if (terms.decisions == 0) return terms;

  const Encoding encoding = Encode(step.tokens);
  const std::vector<Bernoulli> positions = Widen(encoding);
  const float share = entropy_weight / static_cast<float>(terms.decisions);
  std::vector<float> dz(positions.size());
  for (std::size_t t = 0; t < positions.size(); ++t) {
    if (!step.mask[t]) continue;
    terms.log_probability += positions[t].LogProbability(step.action[t]);
    terms.entropy += positions[t].Entropy() / terms.decisions;
    terms.probability += positions[t].probability();
    dz[t] = positions[t].Gradient(step.action[t], weight, share);
  }

  EncodingGradient d(encoding);
  widen_.Backward(parameters_.values(), encoding, dz, gradient, d);
  encoder_.Backward(parameters_.values(), encoding, d, gradient);
  return terms;
}

StepTerms EasNetwork::AddDeepenGradient(const DeepenStep& step, float weight, float entropy_weight,
                                        std::span<float> gradient) const {
  const Encoding encoding = Encode(step.tokens);
  std::vector<int> logged = {step.action.block, step.action.position};
  if (step.action.kernel) logged.push_back(*step.action.kernel);
  std::size_t next = 0;
  const DeepenDecoding decoding =
      Deepen(encoding, step.choices, [&](const Categorical&) { return logged.at(next++); });

  StepTerms terms{.log_probability = decoding.LogProbability(),
                  .entropy = decoding.Entropy(),
                  .decisions = static_cast<int>(decoding.choices.size())};
  for (std::size_t i = 0; i < decoding.choices.size(); ++i) {
    terms.probability += decoding.distributions[i].probabilities()[decoding.choices[i]];
  }

  EncodingGradient d(encoding);
  deepen_.Backward(parameters_.values(), decoding, weight, entropy_weight, gradient, d.final);
  encoder_.Backward(parameters_.values(), encoding, d, gradient);
  return terms;
}

LossTerms ReinforceLoss(const EasNetwork& network, std::span<const WeightedStep> steps,
                        float entropy_weight, std::span<float> gradient) {
  GRAFT_CHECK(gradient.size() == network.parameters().values().size());
  std::ranges::fill(gradient, 0.0F);
  LossTerms result;
  if (steps.empty()) return result;

  const float share = entropy_weight / static_cast<float>(steps.size());
  TermSums widen, deepen;
  for (const WeightedStep& weighted : steps) {
    const StepTerms terms = network.AddGradient(weighted.step, weighted.advantage, share, gradient);
    result.loss -= weighted.advantage * terms.log_probability + share * terms.entropy;
    (std::holds_alternative<WidenStep>(weighted.step) ? widen : deepen).Add(terms);
  }
  result.entropy = Mean(widen.entropy + deepen.entropy, widen.steps + deepen.steps);
  result.widen_entropy = Mean(widen.entropy, widen.steps);
  result.deepen_entropy = Mean(deepen.entropy, deepen.steps);
  result.widen_probability = Mean(widen.probability, widen.decisions);
  result.choice_probability = Mean(deepen.probability, deepen.decisions);
  return result;
}

}  // namespace graft::policy
