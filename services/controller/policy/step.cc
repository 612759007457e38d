#include "services/controller/policy/step.h"

#include <algorithm>

#include "common/base/check.h"

namespace graft::policy {
namespace {

bool AnyOf(const std::vector<bool>& flags) {
  return std::find(flags.begin(), flags.end(), true) != flags.end();
}

}  // namespace

DeepenChoices::DeepenChoices(int blocks, int positions, int kernels)
    : blocks_(blocks),
      positions_(positions),
      kernels_(kernels),
      chooses_kernel_(blocks, true),
      legal_(static_cast<std::size_t>(blocks) * positions * kernels) {
  GRAFT_CHECK(blocks > 0 && positions > 0 && kernels > 0);
}

void DeepenChoices::SetWithoutKernel(int block) { chooses_kernel_[block] = false; }

void DeepenChoices::Allow(int block, int position, int kernel) {
  GRAFT_CHECK(block >= 0 && block < blocks_ && position >= 0 && position < positions_ &&
              kernel >= 0 && kernel < kernels_)
      << block << "," << position << "," << kernel;
  legal_[(static_cast<std::size_t>(block) * positions_ + position) * kernels_ + kernel] = true;
}

bool DeepenChoices::Legal(int block, int position, int kernel) const {
  return legal_[(static_cast<std::size_t>(block) * positions_ + position) * kernels_ + kernel];
}

bool DeepenChoices::Any() const { return AnyOf(legal_); }

bool DeepenChoices::Allows(const DeepenAction& action) const {
  if (action.block < 0 || action.block >= blocks_) return false;
  if (action.position < 0 || action.position >= positions_) return false;
  if (action.kernel.has_value() != ChoosesKernel(action.block)) return false;
  if (!action.kernel) return AnyOf(Kernels(action.block, action.position));
  return *action.kernel >= 0 && *action.kernel < kernels_ &&
         Legal(action.block, action.position, *action.kernel);
}

std::vector<bool> DeepenChoices::Blocks() const {
  std::vector<bool> mask(blocks_);
  for (int block = 0; block < blocks_; ++block) mask[block] = AnyOf(Positions(block));
  return mask;
}

std::vector<bool> DeepenChoices::Positions(int block) const {
  std::vector<bool> mask(positions_);
  for (int position = 0; position < positions_; ++position) {
    mask[position] = AnyOf(Kernels(block, position));
  }
  return mask;
}

std::vector<bool> DeepenChoices::Kernels(int block, int position) const {
  std::vector<bool> mask(kernels_);
  for (int kernel = 0; kernel < kernels_; ++kernel) mask[kernel] = Legal(block, position, kernel);
  return mask;
}

}  // namespace graft::policy
