// 3x3 convolutions by Winograd's minimal filtering F(4x4, 3x3), channels-last (A. Lavin, S. Gray,
// "Fast Algorithms for Convolutional Neural Networks", CVPR 2016).
//
// Each tile of 4x4 results y takes a patch of 6x6 elements d of x, per channel:
//   y = A^T [ sum over channels of (G w G^T) (B^T d B) ] A
// where the product is element by element: for each of the 36 points a matrix product of
// [tiles, channels] and [channels, filters] is left, with 36 multiplications where the direct sum
// has 144. The gradients are those of this equation: dx is a convolution with turned weights, dw =
// G^T [ sum over tiles of (A dy A^T) (B^T d B) ] G.
//
// Rounding adds a few 1e-6 of the largest result. Results do not depend on the number of threads.
// Internal to engine/cpu.
#ifndef GRAFT_COMMON_ENGINE_CPU_WINOGRAD_H_
#define GRAFT_COMMON_ENGINE_CPU_WINOGRAD_H_

#include <cstdint>

namespace graft::engine::cpu {

// From an image [height, width, channels] to [out_height, out_width, filters], stride 1. Zeros are
// padded above and to the left; what lies beyond the other edges is zero, too.
struct WinogradShape {
  std::int64_t count = 0;  // images
  std::int64_t channels = 0;
  std::int64_t filters = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t out_height = 0;
  std::int64_t out_width = 0;
  std::int64_t pad_top = 0;   // at most 2
  std::int64_t pad_left = 0;  // at most 2
};

// Whether this processor can (AVX-512) and the functions below may be called.
bool HaveWinograd();

// Elements of transformed weights (or of their gradient), and of the scratch of a convolution.
std::int64_t WinogradWeightElements(std::int64_t channels, std::int64_t filters);
std::int64_t WinogradScratchElements(const WinogradShape& shape, int threads);

// weight: [filters, channels, 3, 3] -> transformed: [36, channels, filters]
void TransformWeight(const float* weight, std::int64_t filters, std::int64_t channels,
                     float* transformed);

// The weights of the convolution that takes dy to dx: turned by 180 degrees, filters for channels.
// weight: [filters, channels, 3, 3] -> transformed: [36, filters, channels]
void TransformTurnedWeight(const float* weight, std::int64_t filters, std::int64_t channels,
                           float* transformed);

// y: [count, out_height, out_width, filters] is overwritten. `bias` [filters] may be null; results
// below `floor` become it.
void WinogradConvolution(const WinogradShape& shape, const float* x,
                         const float* transformed_weight, const float* bias, float floor,
                         float* scratch, float* y);

// dweight: [filters, channels, 3, 3] is overwritten. `transformed` is scratch of
// WinogradWeightElements.
void WinogradWeightGradient(const WinogradShape& shape, const float* x, const float* dy,
                            float* transformed, float* scratch, float* dweight);

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_WINOGRAD_H_
