// Which method computes a convolution: measured once a machine by TuneKernels (tune.h), kept in a
// file, or the table that is shipped.
#ifndef GRAFT_COMMON_ENGINE_CPU_KERNEL_TABLE_H_
#define GRAFT_COMMON_ENGINE_CPU_KERNEL_TABLE_H_

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/recipe/precision.h"

namespace graft::engine::cpu {

enum class ConvolutionPass { kForward, kDataGradient, kWeightGradient };
inline constexpr std::array kConvolutionPasses = {
    ConvolutionPass::kForward, ConvolutionPass::kDataGradient, ConvolutionPass::kWeightGradient};

// How a pass is computed, see convolution_method.h.
enum class Method : std::uint8_t { kDirect, kWinograd, kPointwise, kBfloat16 };

// Convolutions whose methods compare alike.
enum class ConvolutionKind {
  kTiled3,     // 3x3 of stride 1 that Winograd's tiles fit; measured on 16x16
  kTiled5,     // the same of 5x5
  kPointwise,  // 1x1 of stride 1, and linear layers over tokens; measured on 16x16
  kOther,      // others of one group; measured as 3x3 of stride 2 on 16x16
  kGrouped,    // in groups; measured as 3x3 in 4 groups on 8x8
  kDepthwise,  // a channel a group: no contest, since rounding takes longer than the products
};

// A choice that the table makes. Without one the direct method has no rival.
struct Contest {
  recipe::Precision precision;
  ConvolutionKind kind;
  std::span<const Method> methods;  // that the precision admits for the kind
};
std::span<const Contest> Contests();

// Of each contest and pass, by channels and filters of a group: the fastest method, of operands
// that lie in memory (TakesNorm, convolution_method.h, decides of others). A width that is not in
// the grid counts as the next smaller one that is. A value type.
class KernelTable {
 public:
  static constexpr std::array<std::int64_t, 12> kWidths = {1,  2,  3,  4,  6,  8,
                                                           12, 16, 24, 32, 48, 64};

  // The direct method throughout.
  KernelTable();

  // The one that is shipped: what `graft tune` found on a server processor with AVX-512.
  static const KernelTable& Default();

  // What ToText writes. INVALID_ARGUMENT says which line is not as expected.
  static absl::StatusOr<KernelTable> Parse(std::string_view text);

  // A heading, then for each contest and pass their names, such as `bfloat16 1x1 forward`, and a
  // line for each width of the channels, with a letter for each width of the filters: `d` (direct),
  // `w` (Winograd), `p` (pointwise) or `b` (bfloat16).
  std::string ToText() const;

  // The first 8 hexadecimal digits of the SHA-256 of ToText: part of the numerics class.
  std::string Digest() const;

  Method Fastest(recipe::Precision precision, ConvolutionKind kind, ConvolutionPass pass,
                 std::int64_t channels, std::int64_t filters) const;
  // `contest` counts in Contests() and admits the method; the other two count in kWidths.
  void Set(std::size_t contest, ConvolutionPass pass, std::size_t channels_index,
           std::size_t filters_index, Method method);

 private:
  using Grid = std::array<std::array<Method, kWidths.size()>, kWidths.size()>;
  using Passes = std::array<Grid, kConvolutionPasses.size()>;
  std::vector<Passes> contests_;
};

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_KERNEL_TABLE_H_
