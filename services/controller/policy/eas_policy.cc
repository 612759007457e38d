#include "services/controller/policy/eas_policy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "services/controller/policy/actions.h"
#include "services/controller/policy/episode_values.h"
#include "services/controller/policy/float_math.h"
#include "services/controller/policy/policy_state.h"
#include "services/controller/policy/walk.h"

namespace graft::policy {
namespace {

constexpr std::string_view kStateFormat = "graft.policy.eas.1";

// Streams of the policy's seed.
constexpr std::uint64_t kInitialStream = 1;
constexpr std::uint64_t kActionStream = 2;

// Draws actions from the network's distributions.
class NetworkChooser : public Chooser {
 public:
  NetworkChooser(const EasNetwork& network, base::Rng& rng) : network_(network), rng_(rng) {}

  absl::StatusOr<WidenAction> Widen(const std::vector<int>& tokens,
                                    const std::vector<bool>& mask) override {
    WidenAction bits(mask.size());
    if (std::ranges::find(mask, true) == mask.end()) return bits;
    const std::vector<Bernoulli> positions = network_.Widen(network_.Encode(tokens));
    for (std::size_t t = 0; t < mask.size(); ++t) bits[t] = mask[t] && positions[t].Sample(rng_);
    return bits;
  }

  absl::StatusOr<std::optional<DeepenAction>> Deepen(const std::vector<int>& tokens,
                                                     const DeepenChoices& choices) override {
    if (!choices.Any()) return std::nullopt;
    const auto sample = [this](const Categorical& distribution) {
      return distribution.Sample(rng_);
    };
    return network_.Deepen(network_.Encode(tokens), choices, sample).action();
  }

 private:
  const EasNetwork& network_;
  base::Rng& rng_;
};

EasNetwork::Sizes SizesOf(const space::SearchSpace& space) {
  return {.vocabulary = space.vocabulary_size(),
          .blocks = space.block_count(),
          .positions = kMaxPositions,
          .kernels = static_cast<int>(space.kernels().size())};
}

StepCounts CountsOf(const EasOptions& options) {
  return {.widen = options.widen_actions, .deepen = options.deepen_actions};
}

// Parameters up to this size give finite logits, whatever the tokens.
constexpr float kMaxParameter = 1e6F;

// FAILED_PRECONDITION unless all `values` are numbers of at most `limit`, which says that the
// policy's training diverged.
absl::Status CheckMagnitude(std::string_view what, std::span<const float> values, float limit) {
  for (const float value : values) {
    if (std::abs(value) <= limit) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("the policy diverged: its ", base::ToAbsl(what), " hold ", value,
                     "; a smaller policy.eas.learning_rate or max_accuracy may help"));
  }
  return absl::OkStatus();
}

absl::Status CheckBlocks(const Parameters& parameters, digest::CanonicalDecoder& decoder) {
  const auto blocks = parameters.blocks();
  ASSIGN_OR_RETURN(const std::uint64_t count, decoder.List(blocks.size()));
  if (count != blocks.size()) {
    return absl::InvalidArgumentError("a policy's state holds too few parameter blocks");
  }
  for (const Parameters::NamedBlock& expected : blocks) {
    ASSIGN_OR_RETURN(const std::string_view name, decoder.String());
    ASSIGN_OR_RETURN(const std::uint64_t rows, decoder.U64());
    ASSIGN_OR_RETURN(const std::uint64_t columns, decoder.U64());
    if (name == expected.name && rows == static_cast<std::uint64_t>(expected.block.rows) &&
        columns == static_cast<std::uint64_t>(expected.block.columns)) {
      continue;
    }
    return absl::InvalidArgumentError(
        absl::StrCat("a policy's state is of another space: its block ", std::string(name), " is [",
                     rows, ", ", columns, "], expected ", expected.name, " [", expected.block.rows,
                     ", ", expected.block.columns, "]"));
  }
  return absl::OkStatus();
}

}  // namespace

EasPolicy::EasPolicy(const EasOptions& options, const space::SearchSpace* space, std::uint64_t seed)
    : options_(options),
      space_(space),
      rng_(seed, kActionStream),
      network_(SizesOf(*space)),
      adam_(network_.parameters().values().size()),
      baseline_(options.baseline) {
  base::Rng initial(seed, kInitialStream);
  network_.Initialize(initial);
}

void EasPolicy::Start(double start_value) {
  baseline_.Start(Reward(start_value, options_.max_accuracy));
}

absl::StatusOr<Proposal> EasPolicy::Propose(const arch::Architecture& parent) {
  NetworkChooser chooser(network_, rng_);
  ASSIGN_OR_RETURN(Walk walk, TakeWalk(*space_, parent, CountsOf(options_), chooser));
  return Proposal{.edits = std::move(walk.edits), .actions = ToText(walk.actions)};
}

absl::Status EasPolicy::AppendSteps(const Observation& child, float advantage,
                                    std::vector<WeightedStep>& steps) const {
  ASSIGN_OR_RETURN(const Actions actions, ParseActions(child.actions));
  ASSIGN_OR_RETURN(Walk walk, RepeatWalk(*space_, child.parent, CountsOf(options_), actions));
  for (Step& step : walk.steps) {
    steps.push_back({.step = std::move(step), .advantage = advantage});
  }
  return absl::OkStatus();
}

absl::Status EasPolicy::Observe(std::span<const Observation> episode) {
  std::vector<const Observation*> children;
  std::vector<double> rewards;
  for (const Observation& observation : episode) {
    const std::optional<double> value = MeasuredValue(observation);
    if (!value) continue;
    children.push_back(&observation);
    rewards.push_back(Reward(*value, options_.max_accuracy));
  }
  std::map<std::string, double> diagnostics = SummarizeValues(episode);
  diagnostics["baseline"] = baseline_.value();
  diagnostics["updates"] = static_cast<double>(adam_.steps);
  if (children.empty()) {
    diagnostics_ = std::move(diagnostics);
    return absl::OkStatus();
  }

  RewardBaseline next_baseline = baseline_;
  const double baseline = next_baseline.Next(rewards);
  const double count = static_cast<double>(children.size());
  std::vector<WeightedStep> steps;
  for (std::size_t i = 0; i < children.size(); ++i) {
    const auto advantage = static_cast<float>((rewards[i] - baseline) / count);
    RETURN_IF_ERROR(
        base::Annotate(AppendSteps(*children[i], advantage, steps),
                       absl::StrCat("child with actions `", children[i]->actions, "`")));
  }

  std::vector<float> gradient(network_.parameters().values().size());
  const LossTerms terms = ReinforceLoss(network_, steps, options_.entropy_weight, gradient);
  RETURN_IF_ERROR(CheckMagnitude("gradient", gradient, std::numeric_limits<float>::max()));
  AdamStep({.learning_rate = options_.learning_rate}, gradient, adam_,
           network_.parameters().values());
  RETURN_IF_ERROR(CheckMagnitude("parameters", network_.parameters().values(), kMaxParameter));
  baseline_ = next_baseline;

  diagnostics["mean_reward"] = std::accumulate(rewards.begin(), rewards.end(), 0.0) / count;
  diagnostics["baseline"] = baseline;
  diagnostics["loss"] = terms.loss;
  diagnostics["entropy"] = terms.entropy;
  diagnostics["widen_entropy"] = terms.widen_entropy;
  diagnostics["deepen_entropy"] = terms.deepen_entropy;
  diagnostics["widen_probability"] = terms.widen_probability;
  diagnostics["choice_probability"] = terms.choice_probability;
  diagnostics["gradient_norm"] = std::sqrt(Dot(gradient, gradient));
  diagnostics["updates"] = static_cast<double>(adam_.steps);
  diagnostics_ = std::move(diagnostics);
  return absl::OkStatus();
}

std::string EasPolicy::SaveState() const {
  digest::CanonicalEncoder encoder;
  encoder.String(kStateFormat);
  EncodeRng(rng_, encoder);
  encoder.F64(baseline_.value());
  const auto blocks = network_.parameters().blocks();
  encoder.List(blocks.size());
  for (const Parameters::NamedBlock& named : blocks) {
    encoder.String(named.name).U64(named.block.rows).U64(named.block.columns);
  }
  EncodeFloats(network_.parameters().values(), encoder);
  encoder.U64(adam_.steps);
  EncodeFloats(std::vector<float>{adam_.beta1_power, adam_.beta2_power}, encoder);
  EncodeFloats(adam_.first, encoder);
  EncodeFloats(adam_.second, encoder);
  return SealState(std::move(encoder));
}

absl::Status EasPolicy::RestoreState(std::string_view state) {
  ASSIGN_OR_RETURN(digest::CanonicalDecoder decoder, OpenState(state, kStateFormat));
  ASSIGN_OR_RETURN(const base::Rng rng, DecodeRng(decoder));
  ASSIGN_OR_RETURN(const double baseline, decoder.F64());
  RETURN_IF_ERROR(CheckBlocks(network_.parameters(), decoder));
  const std::size_t size = network_.parameters().values().size();
  ASSIGN_OR_RETURN(const std::vector<float> values, DecodeFloats(size, decoder));
  RETURN_IF_ERROR(CheckMagnitude("parameters", values, kMaxParameter));
  AdamState adam;
  ASSIGN_OR_RETURN(adam.steps, decoder.U64());
  ASSIGN_OR_RETURN(const std::vector<float> powers, DecodeFloats(2, decoder));
  adam.beta1_power = powers[0];
  adam.beta2_power = powers[1];
  ASSIGN_OR_RETURN(adam.first, DecodeFloats(size, decoder));
  ASSIGN_OR_RETURN(adam.second, DecodeFloats(size, decoder));
  RETURN_IF_ERROR(decoder.ExpectEnd());

  rng_ = rng;
  baseline_ = RewardBaseline(options_.baseline, baseline);
  std::ranges::copy(values, network_.parameters().values().begin());
  adam_ = std::move(adam);
  return absl::OkStatus();
}

}  // namespace graft::policy
