// The steps that a proposal is made of, as the policy network sees them: what the architecture
// looked like, what was legal, and what was chosen.
#ifndef GRAFT_SERVICES_CONTROLLER_POLICY_STEP_H_
#define GRAFT_SERVICES_CONTROLLER_POLICY_STEP_H_

#include <optional>
#include <variant>
#include <vector>

namespace graft::policy {

// One bit a layer, in the order of the tokens: set where the layer moves to its next larger width.
using WidenAction = std::vector<bool>;

// Insertion of an identity layer after a layer.
struct DeepenAction {
  int block = 0;
  int position = 0;           // of the layer in its block
  std::optional<int> kernel;  // index into the space's kernels; absent in blocks without kernels

  friend bool operator==(const DeepenAction&, const DeepenAction&) = default;
};

// Which insertions are legal. A choice is offered only if the choices that follow it can be
// completed, so that a mask with nothing left is never met on the way.
class DeepenChoices {
 public:
  // `kernels` is the number of kernels where there is one to choose.
  DeepenChoices(int blocks, int positions, int kernels);

  // A block whose layers have no kernel; until then, a block has.
  void SetWithoutKernel(int block);
  // Allows a kernel after a layer; any kernel index allows a position of a block without kernels.
  void Allow(int block, int position, int kernel);

  bool Any() const;
  bool ChoosesKernel(int block) const { return chooses_kernel_[block]; }
  bool Allows(const DeepenAction& action) const;

  // Masks of the decisions, as long as the constructor was told.
  std::vector<bool> Blocks() const;
  std::vector<bool> Positions(int block) const;
  std::vector<bool> Kernels(int block, int position) const;

 private:
  bool Legal(int block, int position, int kernel) const;

  int blocks_;
  int positions_;
  int kernels_;
  std::vector<bool> chooses_kernel_;  // [blocks]
  std::vector<bool> legal_;           // [blocks, positions, kernels]
};

// A decision on every layer's width.
struct WidenStep {
  std::vector<int> tokens;
  std::vector<bool> mask;  // layers that could be widened
  WidenAction action;      // clear outside the mask
};

// A decision on where to insert a layer. `choices` allows `action`.
struct DeepenStep {
  std::vector<int> tokens;
  DeepenChoices choices;
  DeepenAction action;
};

using Step = std::variant<WidenStep, DeepenStep>;

}  // namespace graft::policy

#endif  // GRAFT_SERVICES_CONTROLLER_POLICY_STEP_H_
