// 1x1 convolutions as matrix products, channels-last: of [pixels, channels] and [channels,
// filters].
#include "common/engine/cpu/avx512_convolution.h"

#ifdef __AVX512F__

#include <omp.h>
#include <string.h>

#include "common/engine/cpu/avx512_gemm.h"
#include "common/engine/cpu/avx512_operand.h"
#include "common/engine/cpu/avx512_slices.h"

namespace graft::engine::cpu {
namespace {

constexpr int64_t kPixelsPerBlock = 240;  // whose rows the first caches hold
constexpr int64_t kUnitFilters = 12;      // of a weight gradient, that a thread takes at once

// Rows of two matrices that a product reads; what lies behind them, as many, comes next.
struct RowsRead {
  int64_t rows;
  const float* first;
  int64_t first_stride;
  const float* second = nullptr;
  int64_t second_stride = 0;
};

// Gemm, which brings what comes next if `ahead`.
void Multiply(int64_t m, int64_t n, int64_t k, const GemmOperands& at, bool add, bool ahead,
              const RowsRead& read) {
  if (!ahead) return Gemm(m, n, k, at, add);
  const int64_t steps = GemmSteps(m, n, k);
  const auto bytes_a_step = [&](int64_t stride) {
    constexpr int64_t kLine = 64;
    const int64_t bytes = read.rows * stride * static_cast<int64_t>(sizeof(float));
    return Smaller(kLine, (bytes + steps - 1) / steps);
  };
  const auto behind = [&](const float* matrix, int64_t stride) {
    return reinterpret_cast<const char*>(matrix + read.rows * stride);
  };
  const char* const first = behind(read.first, read.first_stride);
  const char* const second =
      read.second == nullptr ? first : behind(read.second, read.second_stride);
  Gemm(m, n, k, at, add,
       ReadAhead{first, second, bytes_a_step(read.first_stride), bytes_a_step(read.second_stride)});
}

// With fewer channels it takes longer to read ahead than to wait.
bool ReadsAhead(const ConvolutionShape& s) { return s.channels >= 48; }

int64_t Pixels(const ConvolutionShape& s) { return s.count * s.height * s.width; }

int64_t WeightElements(const ConvolutionShape& s) { return s.channels * s.filters; }

int64_t SlicesOf(const ConvolutionShape& s) {
  constexpr int64_t kLeastPixels = 256;
  return NumberOfSlices(Pixels(s), kLeastPixels, WeightElements(s));
}

// A block's operand, where a norm computes it.
int64_t BlockElements(const ConvolutionShape& s) {
  return s.normed ? kPixelsPerBlock * RoundUp(s.channels) : 0;
}

// Sums of slices, and a block of each thread.
int64_t ScratchElements(const ConvolutionShape& s, int threads) {
  return (SlicesOf(s) - 1) * WeightElements(s) + BlockElements(s) * threads;
}

// weight: [filters, channels], which is what the turned convolution takes -> [channels, filters]
void TransformWeight(const ConvolutionShape& s, const float* weight, bool turned,
                     float* transformed) {
  if (turned) {
    memcpy(transformed, weight, s.filters * s.channels * sizeof(float));
    return;
  }
  for (int64_t f = 0; f < s.filters; ++f) {
    for (int64_t c = 0; c < s.channels; ++c) {
      transformed[c * s.filters + f] = weight[f * s.channels + c];
    }
  }
}

void AddBias(int64_t pixels, int64_t filters, const float* bias, float floor, float* y) {
  ForEachVector(filters, [&](auto kind, int64_t filter, __mmask16 lanes) {
    using V = decltype(kind);
    const typename V::Vector shift = bias == nullptr ? V::Zero() : V::Load(lanes, bias + filter);
    for (int64_t pixel = 0; pixel < pixels; ++pixel) {
      float* const at = y + pixel * filters + filter;
      // In this order a NaN stays.
      V::Store(at, lanes, V::Max(V::Same(floor), V::Load(lanes, at) + shift));
    }
  });
}

void Convolve(const ConvolutionShape& s, const ConvolutionOperand& operand,
              const float* transformed_weight, const float* bias, float floor, float* scratch,
              float* y) {
  const int64_t pixels = Pixels(s);
  const bool finish = bias != nullptr || floor > -__builtin_inff();
#pragma omp parallel for schedule(static) if (pixels > kPixelsPerBlock)
  for (int64_t first = 0; first < pixels; first += kPixelsPerBlock) {
    const int64_t block = Smaller(kPixelsPerBlock, pixels - first);
    float* const own = scratch + omp_get_thread_num() * BlockElements(s);
    const float* const x = LoadPixels(operand, s.channels, first, block, own);
    const float* const stored_x = operand.x + first * s.channels;
    float* const to = y + first * s.filters;
    Multiply(block, s.filters, s.channels,
             {x, s.channels, 1, transformed_weight, s.filters, to, s.filters}, /*add=*/false,
             ReadsAhead(s), {block, stored_x, s.channels});
    if (finish) AddBias(block, s.filters, bias, floor, to);
  }
}

// Some pixels from the `first` on.
struct PixelBlock {
  PixelBlock(const ConvolutionShape& s, const ConvolutionOperand& operand, const float* dy,
             int64_t first, int64_t pixels, float* scratch)
      : pixels(pixels),
        stored_x(operand.x + first * s.channels),
        x(LoadPixels(operand, s.channels, first, pixels, scratch)),
        dy(dy + first * s.filters) {}

  int64_t pixels;
  const float* stored_x;
  const float* x;
  const float* dy;
};

// dweight = or += dy^T x of a block, for some filters.
void SumBlock(const ConvolutionShape& s, const PixelBlock& block, int64_t filter, int64_t filters,
              bool add, float* dweight) {
  Multiply(filters, s.channels, block.pixels,
           {block.dy + filter, 1, s.filters, block.x, s.channels, dweight + filter * s.channels,
            s.channels},
           add, ReadsAhead(s), {block.pixels, block.stored_x, s.channels, block.dy, s.filters});
}

// Each thread takes some pixels.
void SumSlices(const ConvolutionShape& s, const ConvolutionOperand& operand, const float* dy,
               float* scratch, float* dweight) {
  const int64_t slices = SlicesOf(s);
  const int64_t elements = WeightElements(s);
  float* const blocks = scratch + (slices - 1) * elements;
  SumInSlices(slices, Pixels(s), elements, scratch, dweight,
              [&](int64_t first, int64_t last, float* sum) {
                float* const own = blocks + omp_get_thread_num() * BlockElements(s);
                for (int64_t start = first; start < last; start += kPixelsPerBlock) {
                  const int64_t pixels = Smaller(kPixelsPerBlock, last - start);
                  SumBlock(s, {s, operand, dy, start, pixels, own}, 0, s.filters,
                           /*add=*/start > first, sum);
                }
              });
}

// Each thread takes some filters, so that each sum has one order whatever their number.
void SumTogether(const ConvolutionShape& s, const ConvolutionOperand& operand, const float* dy,
                 float* scratch, float* dweight) {
  const int64_t pixels = Pixels(s);
  const int64_t units = (s.filters + kUnitFilters - 1) / kUnitFilters;
#pragma omp parallel if (units > 1)
  for (int64_t first = 0; first < pixels; first += kPixelsPerBlock) {
    float* const own = scratch + omp_get_thread_num() * BlockElements(s);
    const PixelBlock block(s, operand, dy, first, Smaller(kPixelsPerBlock, pixels - first), own);
#pragma omp for schedule(static) nowait
    for (int64_t unit = 0; unit < units; ++unit) {
      const int64_t filter = unit * kUnitFilters;
      SumBlock(s, block, filter, Smaller(kUnitFilters, s.filters - filter), /*add=*/first > 0,
               dweight);
    }
  }
}

void WeightGradient(const ConvolutionShape& s, const ConvolutionOperand& operand, const float* dy,
                    float*, float* scratch, float* dweight) {
  if (SlicesOf(s) > 1) {
    SumSlices(s, operand, dy, scratch, dweight);
  } else {
    SumTogether(s, operand, dy, scratch, dweight);
  }
}

}  // namespace

const Avx512Convolution kPointwiseFunctions = {.weight_elements = WeightElements,
                                               .scratch_elements = ScratchElements,
                                               .transform_weight = TransformWeight,
                                               .convolve = Convolve,
                                               .weight_gradient = WeightGradient};

}  // namespace graft::engine::cpu

#else  // another processor than x86-64

namespace graft::engine::cpu {

const Avx512Convolution kPointwiseFunctions = {};

}  // namespace graft::engine::cpu

#endif
