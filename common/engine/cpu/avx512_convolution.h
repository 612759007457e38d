// Convolutions by our own kernels, for processors with AVX-512. Internal to engine/cpu.
//
// Included by files that are compiled for AVX-512: has no inline functions.
#ifndef GRAFT_COMMON_ENGINE_CPU_AVX512_CONVOLUTION_H_
#define GRAFT_COMMON_ENGINE_CPU_AVX512_CONVOLUTION_H_

#include <cstdint>

#include "common/engine/cpu/norm_loops.h"

namespace graft::engine::cpu {

// From images [height, width, channels] to [out_height, out_width, filters] with a square kernel
// and stride 1. Zeros are padded above and to the left; what lies beyond the other edges is zero,
// too.
struct ConvolutionShape {
  std::int64_t kernel = 1;  // along an axis
  std::int64_t count = 0;   // images
  std::int64_t channels = 0;
  std::int64_t filters = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t out_height = 0;
  std::int64_t out_width = 0;
  std::int64_t pad_top = 0;   // at most kernel - 1
  std::int64_t pad_left = 0;  // the same
  bool normed = false;        // the operand may have a norm, for which there is scratch
};

// What is multiplied by the weights: x [count, height, width, channels] or, with a norm, what
// NormLoops::normalise makes of it; padding stays zero. It is computed where it is loaded, block by
// block, and never stored as a whole.
struct ConvolutionOperand {
  const float* x = nullptr;
  const NormCoefficients* norm = nullptr;
};

// Whether this processor has the instructions, and whoever runs this lets oneDNN use them, too.
bool HaveAvx512();

// The functions of one algorithm. Values are channels-last, weights and their gradients plain
// [filters, channels, kernel, kernel]. Results do not depend on the number of threads, which are
// OpenMP's. All functions are stateless.
struct Avx512Convolution {
  // Elements of transformed weights (or of their gradient), and of the scratch of any pass.
  std::int64_t (*weight_elements)(const ConvolutionShape& shape);
  std::int64_t (*scratch_elements)(const ConvolutionShape& shape, int threads);

  // Weights as `convolve` takes them. `turned`: those of the convolution that takes dy to dx, whose
  // shape is DataGradientShape: turned by 180 degrees, filters for channels; `shape` is that of the
  // forward.
  void (*transform_weight)(const ConvolutionShape& shape, const float* weight, bool turned,
                           float* transformed);

  // y is overwritten. `bias` [filters] may be null; results below `floor` become it.
  void (*convolve)(const ConvolutionShape& shape, const ConvolutionOperand& operand,
                   const float* transformed_weight, const float* bias, float floor, float* scratch,
                   float* y);

  // dweight is overwritten. `transformed` is scratch of weight_elements.
  void (*weight_gradient)(const ConvolutionShape& shape, const ConvolutionOperand& operand,
                          const float* dy, float* transformed, float* scratch, float* dweight);
};

// Of the convolution of dy that gives dx.
ConvolutionShape DataGradientShape(const ConvolutionShape& forward);

// Winograd's minimal filtering, for kernels of 3x3 and 5x5 (winograd.cc). Rounding adds up to about
// 1e-5 of the largest result. Null without AVX-512.
const Avx512Convolution* WinogradConvolution();
extern const Avx512Convolution kWinogradFunctions;  // to be called with AVX-512 alone
// Results along an axis that it computes together.
inline constexpr int kWinogradTile = 4;

// Matrix products, for kernels of 1x1 without padding (pointwise_convolution.cc). Null without
// AVX-512.
const Avx512Convolution* PointwiseConvolution();
extern const Avx512Convolution kPointwiseFunctions;

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_AVX512_CONVOLUTION_H_
