// The direct sum of a convolution as matrix products, channels-last.
//
// In a row of x, the elements that a row of the kernel takes for one result are neighbours, and
// those for the next result begin `channels` further. So a row of results is, for each row of the
// kernel, a product of [out_width, kernel channels] and [kernel channels, filters] whose left
// operand is x as it lies, once it is padded.
#include "common/engine/cpu/avx512_convolution.h"

#ifdef __AVX512F__

#include <omp.h>
#include <string.h>

#include "common/engine/cpu/avx512_gemm.h"

namespace graft::engine::cpu {
namespace {

// Rows of a weight gradient that a thread takes at once: as many as a product keeps in registers.
constexpr int64_t kUnitRows = 12;

int64_t Smaller(int64_t a, int64_t b) { return a < b ? a : b; }

bool NeedsPadding(const ConvolutionShape& s) {
  return s.pad_top > 0 || s.pad_left > 0 || s.out_height + s.kernel - 1 > s.height ||
         s.out_width + s.kernel - 1 > s.width;
}

// Pixels of what the results of an image are computed from.
struct Extent2d {
  int64_t height, width;
};

Extent2d PaddedExtent(const ConvolutionShape& s) {
  if (!NeedsPadding(s)) return {s.height, s.width};
  return {s.out_height + s.kernel - 1, s.out_width + s.kernel - 1};
}

int64_t PaddedElements(const ConvolutionShape& s) {
  const Extent2d padded = PaddedExtent(s);
  return padded.height * padded.width * s.channels;
}

// Row `row` of the padded image.
void PadRow(const ConvolutionShape& s, const float* image, int64_t row, float* padded) {
  const int64_t width = PaddedExtent(s).width;
  float* const to = padded + row * width * s.channels;
  const int64_t from = row - s.pad_top;
  if (from < 0 || from >= s.height) {
    memset(to, 0, width * s.channels * sizeof(float));
    return;
  }
  const int64_t left = s.pad_left * s.channels;
  const int64_t taken = Smaller(s.width, width - s.pad_left) * s.channels;
  memset(to, 0, left * sizeof(float));
  memcpy(to + left, image + from * s.width * s.channels, taken * sizeof(float));
  memset(to + left + taken, 0, (width * s.channels - left - taken) * sizeof(float));
}

// A 1x1 convolution takes an image as one row.
ConvolutionShape InLongRows(ConvolutionShape s) {
  if (s.kernel > 1 || s.out_height != s.height || s.out_width != s.width) return s;
  s.width = s.out_width = s.height * s.width;
  s.height = s.out_height = 1;
  return s;
}

void FinishRow(int64_t pixels, int64_t filters, const float* bias, float floor, float* y) {
  ForEachPart(filters, [&](auto part, int64_t filter, __mmask16 lanes) {
    using P = decltype(part);
    const typename P::Vector shift = bias == nullptr ? P::Zero() : P::Load(lanes, bias + filter);
    for (int64_t pixel = 0; pixel < pixels; ++pixel) {
      float* const at = y + pixel * filters + filter;
      // In this order a NaN stays.
      P::Store(at, lanes, P::Max(P::Same(floor), P::Load(lanes, at) + shift));
    }
  });
}

// x: the image as PaddedExtent says; weight: [kernel, kernel channels, filters].
void ConvolveImage(const ConvolutionShape& s, const float* x, const float* weight,
                   const float* bias, float floor, float* y) {
  const int64_t taps = s.kernel * s.channels;
  const int64_t x_row = PaddedExtent(s).width * s.channels;
  const bool finish = bias != nullptr || floor > -__builtin_inff();
  for (int64_t row = 0; row < s.out_height; ++row) {
    float* const to = y + row * s.out_width * s.filters;
    for (int64_t k = 0; k < s.kernel; ++k) {
      Gemm(s.out_width, s.filters, taps,
           {x + (row + k) * x_row, s.channels, 1, weight + k * taps * s.filters, s.filters, to,
            s.filters},
           /*add=*/k > 0);
    }
    if (finish) FinishRow(s.out_width, s.filters, bias, floor, to);
  }
}

int64_t WeightElements(const ConvolutionShape& s) {
  return s.kernel * s.kernel * s.channels * s.filters;
}

int64_t ScratchElements(const ConvolutionShape& s, int threads) {
  return NeedsPadding(s) ? PaddedElements(s) * threads : 0;
}

// [filters, channels, kernel, kernel] -> [kernel, kernel, channels, filters]
void TransformWeight(const ConvolutionShape& s, const float* weight, float* transformed) {
  const int64_t taps = s.kernel * s.kernel;
  for (int64_t f = 0; f < s.filters; ++f) {
    for (int64_t c = 0; c < s.channels; ++c) {
      for (int64_t tap = 0; tap < taps; ++tap) {
        transformed[(tap * s.channels + c) * s.filters + f] =
            weight[(f * s.channels + c) * taps + tap];
      }
    }
  }
}

// [filters, channels, kernel, kernel] -> [kernel, kernel, filters, channels]
void TransformTurnedWeight(const ConvolutionShape& s, const float* weight, float* transformed) {
  const int64_t taps = s.kernel * s.kernel;
  for (int64_t f = 0; f < s.filters; ++f) {
    for (int64_t c = 0; c < s.channels; ++c) {
      for (int64_t tap = 0; tap < taps; ++tap) {
        transformed[(tap * s.filters + f) * s.channels + c] =
            weight[(f * s.channels + c) * taps + taps - 1 - tap];
      }
    }
  }
}

void Convolve(const ConvolutionShape& shape, const float* x, const float* transformed_weight,
              const float* bias, float floor, float* scratch, float* y) {
  const ConvolutionShape s = InLongRows(shape);
  const bool pads = NeedsPadding(s);
#pragma omp parallel for schedule(static) if (s.count > 1)
  for (int64_t n = 0; n < s.count; ++n) {
    const float* image = x + n * s.height * s.width * s.channels;
    if (pads) {
      float* const padded = scratch + omp_get_thread_num() * PaddedElements(s);
      for (int64_t row = 0; row < PaddedExtent(s).height; ++row) PadRow(s, image, row, padded);
      image = padded;
    }
    ConvolveImage(s, image, transformed_weight, bias, floor,
                  y + n * s.out_height * s.out_width * s.filters);
  }
}

// Rows [first, last) of kernel row k's part [kernel channels, filters] of the gradient, += an
// image.
void AddWeightGradient(const ConvolutionShape& s, const float* image, const float* dy, int64_t k,
                       int64_t first, int64_t last, bool add, float* part) {
  const int64_t x_row = PaddedExtent(s).width * s.channels;
  for (int64_t row = 0; row < s.out_height; ++row) {
    Gemm(last - first, s.filters, s.out_width,
         {image + (row + k) * x_row + first, 1, s.channels, dy + row * s.out_width * s.filters,
          s.filters, part + first * s.filters, s.filters},
         add || row > 0);
  }
}

// Threads share an image: each pads some of its rows, then takes some rows of the gradient, so that
// each sum has one order whatever their number.
void WeightGradient(const ConvolutionShape& shape, const float* x, const float* dy,
                    float* transformed, float* scratch, float* dweight) {
  const ConvolutionShape s = InLongRows(shape);
  const bool pads = NeedsPadding(s);
  const int64_t taps = s.kernel * s.channels;
  const int64_t units_of_row = (taps + kUnitRows - 1) / kUnitRows;
#pragma omp parallel
  for (int64_t n = 0; n < s.count; ++n) {
    const float* image = x + n * s.height * s.width * s.channels;
    const float* const image_dy = dy + n * s.out_height * s.out_width * s.filters;
    if (pads) {
#pragma omp for schedule(static)
      for (int64_t row = 0; row < PaddedExtent(s).height; ++row) PadRow(s, image, row, scratch);
      image = scratch;
    }
#pragma omp for schedule(static)
    for (int64_t unit = 0; unit < s.kernel * units_of_row; ++unit) {
      const int64_t k = unit / units_of_row;
      const int64_t first = unit % units_of_row * kUnitRows;
      AddWeightGradient(s, image, image_dy, k, first, Smaller(taps, first + kUnitRows), n > 0,
                        transformed + k * taps * s.filters);
    }
  }
  const int64_t all_taps = s.kernel * s.kernel;
  for (int64_t f = 0; f < s.filters; ++f) {
    for (int64_t c = 0; c < s.channels; ++c) {
      for (int64_t tap = 0; tap < all_taps; ++tap) {
        dweight[(f * s.channels + c) * all_taps + tap] =
            transformed[(tap * s.channels + c) * s.filters + f];
      }
    }
  }
}

}  // namespace

const Avx512Convolution* GemmConvolution() {
  static constexpr Avx512Convolution kFunctions = {.weight_elements = WeightElements,
                                                   .scratch_elements = ScratchElements,
                                                   .transform_weight = TransformWeight,
                                                   .transform_turned_weight = TransformTurnedWeight,
                                                   .convolve = Convolve,
                                                   .weight_gradient = WeightGradient};
  return HaveAvx512() ? &kFunctions : nullptr;
}

}  // namespace graft::engine::cpu

#else  // another processor than x86-64

namespace graft::engine::cpu {

const Avx512Convolution* GemmConvolution() { return nullptr; }

}  // namespace graft::engine::cpu

#endif
