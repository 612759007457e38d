#include "services/controller/policy/random_policy.h"

#include <utility>

#include "common/base/status_macros.h"
#include "services/controller/policy/episode_values.h"
#include "services/controller/policy/policy_state.h"
#include "services/controller/policy/walk.h"

namespace graft::policy {
namespace {

constexpr std::string_view kStateFormat = "graft.policy.random.1";

// Uniform among the set entries of `mask`, of which there is one.
int UniformChoice(const std::vector<bool>& mask, base::Rng& rng) {
  std::vector<int> legal;
  for (int i = 0; i < static_cast<int>(mask.size()); ++i) {
    if (mask[i]) legal.push_back(i);
  }
  return legal[rng.UniformInt(legal.size())];
}

class UniformChooser : public Chooser {
 public:
  explicit UniformChooser(base::Rng& rng) : rng_(rng) {}

  absl::StatusOr<WidenAction> Widen(const std::vector<int>& tokens,
                                    const std::vector<bool>& mask) override {
    WidenAction bits(mask.size());
    for (std::size_t i = 0; i < mask.size(); ++i) bits[i] = mask[i] && rng_.Uniform() < 0.5F;
    return bits;
  }

  absl::StatusOr<std::optional<DeepenAction>> Deepen(const std::vector<int>& tokens,
                                                     const DeepenChoices& choices) override {
    if (!choices.Any()) return std::nullopt;
    DeepenAction action;
    action.block = UniformChoice(choices.Blocks(), rng_);
    action.position = UniformChoice(choices.Positions(action.block), rng_);
    if (choices.ChoosesKernel(action.block)) {
      action.kernel = UniformChoice(choices.Kernels(action.block, action.position), rng_);
    }
    return action;
  }

 private:
  base::Rng& rng_;
};

}  // namespace

RandomPolicy::RandomPolicy(const RandomOptions& options, const space::SearchSpace* space,
                           std::uint64_t seed)
    : options_(options), space_(space), rng_(seed) {}

void RandomPolicy::Start(double start_value) {}

absl::StatusOr<Proposal> RandomPolicy::Propose(const arch::Architecture& parent) {
  UniformChooser chooser(rng_);
  ASSIGN_OR_RETURN(
      Walk walk,
      TakeWalk(*space_, parent,
               {.widen = options_.widen_actions, .deepen = options_.deepen_actions}, chooser));
  return Proposal{.edits = std::move(walk.edits), .actions = ToText(walk.actions)};
}

absl::Status RandomPolicy::Observe(std::span<const Observation> episode) {
  diagnostics_ = SummarizeValues(episode);
  return absl::OkStatus();
}

std::string RandomPolicy::SaveState() const {
  digest::CanonicalEncoder encoder;
  encoder.String(kStateFormat);
  EncodeRng(rng_, encoder);
  return SealState(std::move(encoder));
}

absl::Status RandomPolicy::RestoreState(std::string_view state) {
  ASSIGN_OR_RETURN(digest::CanonicalDecoder decoder, OpenState(state, kStateFormat));
  ASSIGN_OR_RETURN(const base::Rng rng, DecodeRng(decoder));
  RETURN_IF_ERROR(decoder.ExpectEnd());
  rng_ = rng;
  return absl::OkStatus();
}

}  // namespace graft::policy
