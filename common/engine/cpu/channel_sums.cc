#include "common/engine/cpu/channel_sums.h"

#include <algorithm>

namespace graft::engine::cpu {
namespace {

constexpr int kRowsPerBlock = 64;

}  // namespace

ChannelSums::ChannelSums(std::int64_t channels, int slices)
    : slices_(slices, {std::vector<float>(channels), std::vector<double>(channels)}),
      totals_(channels) {}

void ChannelSums::Start() {
  for (Slice& slice : slices_) {
    std::ranges::fill(slice.block, 0.0F);
    std::ranges::fill(slice.totals, 0.0);
    slice.rows = 0;
  }
}

float* ChannelSums::NextRow(int index) {
  Slice& slice = slices_[index];
  if (slice.rows == kRowsPerBlock) Flush(slice);
  ++slice.rows;
  return slice.block.data();
}

void ChannelSums::Flush(Slice& slice) {
  for (std::size_t c = 0; c < slice.block.size(); ++c) slice.totals[c] += slice.block[c];
  std::ranges::fill(slice.block, 0.0F);
  slice.rows = 0;
}

const std::vector<double>& ChannelSums::Totals() {
  std::ranges::fill(totals_, 0.0);
  for (Slice& slice : slices_) {
    Flush(slice);
    for (std::size_t c = 0; c < totals_.size(); ++c) totals_[c] += slice.totals[c];
  }
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
