#include "services/controller/policy/walk.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace graft::policy {
namespace {

std::vector<int> TokensOf(const space::NetworkView& view) {
  std::vector<int> tokens;
  for (const space::LayerView& layer : view.layers) tokens.push_back(layer.token);
  return tokens;
}

DeepenChoices ChoicesOf(const space::SearchSpace& space, const space::NetworkView& view) {
  const auto kernels = space.kernels();
  DeepenChoices choices(space.block_count(), kMaxPositions, static_cast<int>(kernels.size()));
  for (int b = 0; b < static_cast<int>(view.blocks.size()); ++b) {
    const space::BlockView& block = view.blocks[b];
    if (block.kind != space::LayerView::Kind::kConvolution) choices.SetWithoutKernel(b);
    const int positions = std::min(static_cast<int>(block.layers.size()), kMaxPositions);
    for (int p = 0; p < positions; ++p) {
      for (int k = 0; k < static_cast<int>(kernels.size()); ++k) {
        if (space.CanDeepen(view, block.layers[p], kernels[k])) choices.Allow(b, p, k);
      }
    }
  }
  return choices;
}

// A walk under way.
class Walker {
 public:
  Walker(const space::SearchSpace& space, const arch::Architecture& parent, Chooser& chooser)
      : space_(space), current_(parent), chooser_(chooser) {}

  absl::Status Widen();
  absl::Status Deepen();
  Walk Finish() && { return std::move(walk_); }

 private:
  // Goes on from the child of an action.
  void Arrive(space::Step step) {
    std::ranges::move(step.edits, std::back_inserter(walk_.edits));
    current_ = std::move(step.child);
  }

  const space::SearchSpace& space_;
  arch::Architecture current_;
  Chooser& chooser_;
  Walk walk_;
};

absl::Status Walker::Widen() {
  ASSIGN_OR_RETURN(const space::NetworkView view, space_.Analyze(current_));
  std::vector<int> tokens = TokensOf(view);
  std::vector<bool> mask = space_.WidenMask(view);
  ASSIGN_OR_RETURN(const WidenAction bits, chooser_.Widen(tokens, mask));
  walk_.actions.widen.push_back(bits);
  if (std::ranges::find(mask, true) == mask.end()) return absl::OkStatus();
  // Together the layers may exceed a limit that each alone keeps: the space then skips the later
  // ones.
  ASSIGN_OR_RETURN(space::Step step, space_.Widen(current_, bits));
  Arrive(std::move(step));
  walk_.steps.push_back(WidenStep{std::move(tokens), std::move(mask), bits});
  return absl::OkStatus();
}

absl::Status Walker::Deepen() {
  ASSIGN_OR_RETURN(const space::NetworkView view, space_.Analyze(current_));
  std::vector<int> tokens = TokensOf(view);
  DeepenChoices choices = ChoicesOf(space_, view);
  ASSIGN_OR_RETURN(const std::optional<DeepenAction> action, chooser_.Deepen(tokens, choices));
  walk_.actions.deepen.push_back(action);
  if (!action) return absl::OkStatus();
  const int layer = view.blocks[action->block].layers[action->position];
  ASSIGN_OR_RETURN(space::Step step,
                   space_.Deepen(current_, layer, space_.kernels()[action->kernel.value_or(0)]));
  Arrive(std::move(step));
  walk_.steps.push_back(DeepenStep{std::move(tokens), std::move(choices), *action});
  return absl::OkStatus();
}

// Chooses what is logged; there are as many actions as the walk has steps.
class LoggedChooser : public Chooser {
 public:
  explicit LoggedChooser(const Actions& actions)
      : next_widen_(actions.widen.begin()), next_deepen_(actions.deepen.begin()) {}

  absl::StatusOr<WidenAction> Widen(const std::vector<int>& tokens,
                                    const std::vector<bool>& mask) override {
    const WidenAction& bits = *next_widen_++;
    if (bits.size() != tokens.size()) {
      return absl::InvalidArgumentError(absl::StrCat("a widening step has ", bits.size(),
                                                     " bits for ", tokens.size(), " layers"));
    }
    for (std::size_t i = 0; i < bits.size(); ++i) {
      if (!bits[i] || mask[i]) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("a widening step widens layer ", i, ", which is not legal"));
    }
    return bits;
  }

  absl::StatusOr<std::optional<DeepenAction>> Deepen(const std::vector<int>& tokens,
                                                     const DeepenChoices& choices) override {
    const std::optional<DeepenAction>& action = *next_deepen_++;
    if (action ? choices.Allows(*action) : !choices.Any()) return action;
    return absl::InvalidArgumentError(action ? "an insertion is not legal"
                                             : "an insertion is missing where one is legal");
  }

 private:
  std::vector<WidenAction>::const_iterator next_widen_;
  std::vector<std::optional<DeepenAction>>::const_iterator next_deepen_;
};

}  // namespace

absl::StatusOr<Walk> TakeWalk(const space::SearchSpace& space, const arch::Architecture& parent,
                              const StepCounts& counts, Chooser& chooser) {
  Walker walker(space, parent, chooser);
  for (int i = 0; i < counts.widen; ++i) RETURN_IF_ERROR(walker.Widen());
  for (int i = 0; i < counts.deepen; ++i) RETURN_IF_ERROR(walker.Deepen());
  return std::move(walker).Finish();
}

absl::StatusOr<Walk> RepeatWalk(const space::SearchSpace& space, const arch::Architecture& parent,
                                const StepCounts& counts, const Actions& actions) {
  if (static_cast<int>(actions.widen.size()) != counts.widen ||
      static_cast<int>(actions.deepen.size()) != counts.deepen) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected ", counts.widen, " widening steps and ", counts.deepen,
                     " insertions, not ", actions.widen.size(), " and ", actions.deepen.size()));
  }
  LoggedChooser chooser(actions);
  return TakeWalk(space, parent, counts, chooser);
}

}  // namespace graft::policy
