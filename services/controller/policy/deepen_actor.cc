#include "services/controller/policy/deepen_actor.h"

#include <utility>

#include "common/base/check.h"
#include "services/controller/policy/float_math.h"

namespace graft::policy {
namespace {

// What decision `index` may be after `choices`, by the classifier's outputs.
std::vector<bool> MaskOf(int index, const DeepenChoices& allowed, const std::vector<int>& choices) {
  switch (index) {
    case 0:
      return allowed.Blocks();
    case 1:
      return allowed.Positions(choices[0]);
    default:
      return allowed.Kernels(choices[0], choices[1]);
  }
}

}  // namespace

DeepenAction DeepenDecoding::action() const {
  DeepenAction action{.block = choices[0], .position = choices[1], .kernel = {}};
  if (choices.size() > 2) action.kernel = choices[2];
  return action;
}

double DeepenDecoding::LogProbability() const {
  double sum = 0;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    sum += distributions[i].LogProbability(choices[i]);
  }
  return sum;
}

double DeepenDecoding::Entropy() const {
  double sum = 0;
  for (const Categorical& distribution : distributions) sum += distribution.Entropy();
  return sum / static_cast<double>(distributions.size());
}

DeepenActor::DeepenActor(const Sizes& sizes, Parameters& parameters)
    : start_("deepen.start", 1, sizes.embedding, parameters),
      embeddings_{
          Embedding("deepen.block_embedding", sizes.blocks, sizes.embedding, parameters),
          Embedding("deepen.position_embedding", sizes.positions, sizes.embedding, parameters)},
      lstm_("deepen.lstm", sizes.embedding, sizes.units, parameters),
      classifiers_{Linear("deepen.block_classifier", sizes.units, sizes.blocks, parameters),
                   Linear("deepen.position_classifier", sizes.units, sizes.positions, parameters),
                   Linear("deepen.kernel_classifier", sizes.units, sizes.kernels, parameters)} {}

void DeepenActor::Initialize(std::span<float> values, base::Rng& rng) const {
  start_.Initialize(values, rng);
  for (const Embedding& embedding : embeddings_) embedding.Initialize(values, rng);
  lstm_.Initialize(values, rng);
  for (const Linear& classifier : classifiers_) classifier.Initialize(values, rng);
}

const Embedding& DeepenActor::InputTable(int index) const {
  return index == 0 ? start_ : embeddings_[index - 1];
}

int DeepenActor::InputSymbol(int index, const std::vector<int>& choices) {
  return index == 0 ? 0 : choices[index - 1];
}

DeepenDecoding DeepenActor::Forward(std::span<const float> values, const LstmState& encoded,
                                    const DeepenChoices& choices, const Chooser& choose) const {
  DeepenDecoding decoding;
  for (int index = 0; index < kDecisions; ++index) {
    if (index == 2 && !choices.ChoosesKernel(decoding.choices[0])) break;
    const auto input = InputTable(index).Row(values, InputSymbol(index, decoding.choices));
    decoding.steps.push_back(
        lstm_.Forward(values, input, index == 0 ? encoded : decoding.steps.back().after));
    decoding.distributions.emplace_back(
        classifiers_[index].Forward(values, decoding.steps.back().after.h),
        MaskOf(index, choices, decoding.choices));
    const int choice = choose(decoding.distributions.back());
    GRAFT_CHECK(decoding.distributions.back().Allows(choice)) << choice;
    decoding.choices.push_back(choice);
  }
  return decoding;
}

void DeepenActor::Backward(std::span<const float> values, const DeepenDecoding& decoding,
                           float weight, float entropy_weight, std::span<float> gradient,
                           LstmState& d) const {
  const int decisions = static_cast<int>(decoding.choices.size());
  const float share = entropy_weight / static_cast<float>(decisions);
  LstmState state(lstm_.units());
  for (int index = decisions - 1; index >= 0; --index) {
    std::vector<float> dz(classifiers_[index].outputs());
    decoding.distributions[index].AddGradient(decoding.choices[index], weight, share, dz);
    const LstmStep& step = decoding.steps[index];
    classifiers_[index].Backward(values, step.after.h, dz, gradient, state.h);
    lstm_.Backward(values, step, state, gradient,
                   InputTable(index).Row(gradient, InputSymbol(index, decoding.choices)));
  }
  AddScaled(1.0F, state.c, d.c);
  AddScaled(1.0F, state.h, d.h);
}

}  // namespace graft::policy
