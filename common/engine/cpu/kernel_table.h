// Which method computes a convolution: measured once a machine by TuneKernels (tune.h), kept in a
// file, or the table that is shipped.
#ifndef GRAFT_COMMON_ENGINE_CPU_KERNEL_TABLE_H_
#define GRAFT_COMMON_ENGINE_CPU_KERNEL_TABLE_H_

#include <array>
#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace graft::engine::cpu {

enum class ConvolutionPass { kForward, kDataGradient, kWeightGradient };
inline constexpr std::array kConvolutionPasses = {
    ConvolutionPass::kForward, ConvolutionPass::kDataGradient, ConvolutionPass::kWeightGradient};

// Of each pass of a 3x3 convolution of stride 1, by its channels and filters: whether Winograd's
// filtering is faster than the direct sum. A width that is not in the grid counts as the next
// smaller one that is. A value type.
class KernelTable {
 public:
  static constexpr std::array<std::int64_t, 12> kWidths = {1,  2,  3,  4,  6,  8,
                                                           12, 16, 24, 32, 48, 64};

  // The one that is shipped: what `graft tune` found on a server processor with AVX-512.
  static const KernelTable& Default();

  // What ToText writes. INVALID_ARGUMENT says which line is not as expected.
  static absl::StatusOr<KernelTable> Parse(std::string_view text);

  // A heading, then for each pass its name and a line for each width of the channels, with `w`
  // (Winograd) or `d` (direct) for each width of the filters.
  std::string ToText() const;

  // The first 8 hexadecimal digits of the SHA-256 of ToText: part of the numerics class.
  std::string Digest() const;

  bool PrefersWinograd(ConvolutionPass pass, std::int64_t channels, std::int64_t filters) const;
  void SetWinograd(ConvolutionPass pass, int channels_index, int filters_index, bool preferred);

 private:
  using Grid = std::array<std::bitset<kWidths.size()>, kWidths.size()>;
  std::array<Grid, kConvolutionPasses.size()> winograd_;
};

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_KERNEL_TABLE_H_
