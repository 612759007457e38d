#include "common/engine/cpu/channel_sums.h"

#include <algorithm>

namespace graft::engine::cpu {
namespace {

constexpr int kRowsPerBlock = 64;

}  // namespace

void ChannelSums::Start() {
  std::ranges::fill(block_, 0.0F);
  std::ranges::fill(totals_, 0.0);
  rows_ = 0;
}

float* ChannelSums::NextRow() {
  if (rows_++ == kRowsPerBlock) {
    Flush();
    rows_ = 1;
  }
  return block_.data();
}

void ChannelSums::Flush() {
  for (std::size_t c = 0; c < block_.size(); ++c) totals_[c] += block_[c];
  std::ranges::fill(block_, 0.0F);
}

const std::vector<double>& ChannelSums::Totals() {
  Flush();
  rows_ = 0;
  return totals_;
}

void ChannelSums::Pass(GradientUse use, float* gradient) {
  if (use == GradientUse::kNone) return;
  const std::vector<double>& totals = Totals();
  for (std::size_t c = 0; c < totals.size(); ++c) {
    const auto total = static_cast<float>(totals[c]);
    gradient[c] = use == GradientUse::kAdd ? gradient[c] + total : total;
  }
}

}  // namespace graft::engine::cpu
