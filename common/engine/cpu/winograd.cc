#include "common/engine/cpu/winograd.h"

#ifdef __AVX512F__

#include <omp.h>

#include "common/engine/cpu/avx512_gemm.h"

namespace graft::engine::cpu {
namespace {

constexpr int64_t kTile = 4;            // results along an axis
constexpr int64_t kPatch = 6;           // elements along an axis that they take
constexpr int64_t kPoints = 36;         // of a transformed patch
constexpr int64_t kKernel = 3;          // taps along an axis
constexpr int64_t kTaps = 9;            // of a kernel
constexpr int64_t kTilesPerBlock = 36;  // whose transformed values the second cache holds

using Vector = __m512;

inline Vector Scaled(Vector a, float factor) { return _mm512_mul_ps(a, _mm512_set1_ps(factor)); }
// a factor + b
inline Vector Fused(Vector a, float factor, Vector b) {
  return _mm512_fmadd_ps(a, _mm512_set1_ps(factor), b);
}

// B^T d
inline __attribute__((always_inline)) void PatchTransform(const Vector* d, Vector* out) {
  const Vector even = Fused(d[2], -4, d[4]);
  const Vector odd = Fused(d[1], -4, d[3]);
  const Vector even_difference = d[4] - d[2];
  const Vector odd_difference = Scaled(d[3] - d[1], 2);
  out[0] = Fused(d[0], 4, Fused(d[2], -5, d[4]));
  out[1] = even + odd;
  out[2] = even - odd;
  out[3] = even_difference + odd_difference;
  out[4] = even_difference - odd_difference;
  out[5] = Fused(d[1], 4, Fused(d[3], -5, d[5]));
}

// A^T m
inline __attribute__((always_inline)) void ResultTransform(const Vector* m, Vector* out) {
  const Vector near_sum = m[1] + m[2];
  const Vector near_difference = m[1] - m[2];
  const Vector far_sum = m[3] + m[4];
  const Vector far_difference = m[3] - m[4];
  out[0] = m[0] + near_sum + far_sum;
  out[1] = Fused(far_difference, 2, near_difference);
  out[2] = Fused(far_sum, 4, near_sum);
  out[3] = Fused(far_difference, 8, near_difference) + m[5];
}

// A y
inline __attribute__((always_inline)) void GradientTransform(const Vector* y, Vector* out) {
  const Vector near_even = y[0] + y[2];
  const Vector near_odd = y[1] + y[3];
  const Vector far_even = Fused(y[2], 4, y[0]);
  const Vector far_odd = Fused(y[3], 8, Scaled(y[1], 2));
  out[0] = y[0];
  out[1] = near_even + near_odd;
  out[2] = near_even - near_odd;
  out[3] = far_even + far_odd;
  out[4] = far_even - far_odd;
  out[5] = y[3];
}

// G w
inline __attribute__((always_inline)) void KernelTransform(const Vector* w, Vector* out) {
  const Vector outer = w[0] + w[2];
  const Vector far_outer = Fused(w[2], 1.0F / 6, Scaled(w[0], 1.0F / 24));
  out[0] = Scaled(w[0], 0.25F);
  out[1] = Scaled(outer + w[1], -1.0F / 6);
  out[2] = Scaled(outer - w[1], -1.0F / 6);
  out[3] = Fused(w[1], 1.0F / 12, far_outer);
  out[4] = Fused(w[1], -1.0F / 12, far_outer);
  out[5] = w[2];
}

// G^T u
inline __attribute__((always_inline)) void KernelGradientTransform(const Vector* u, Vector* out) {
  const Vector near_sum = Scaled(u[1] + u[2], -1.0F / 6);
  const Vector far_sum = u[3] + u[4];
  out[0] = Fused(u[0], 0.25F, Fused(far_sum, 1.0F / 24, near_sum));
  out[1] = Fused(u[2] - u[1], 1.0F / 6, Scaled(u[3] - u[4], 1.0F / 12));
  out[2] = Fused(far_sum, 1.0F / 6, near_sum) + u[5];
}

// Applies a transform to the columns of in[kFrom][kFrom], then to the rows: out[kTo][kTo].
template <int kFrom, int kTo, typename Transform>
inline __attribute__((always_inline)) void Both(const Vector (*in)[kFrom], Transform transform,
                                                Vector (*out)[kTo]) {
  Vector half[kTo][kFrom];
  for (int j = 0; j < kFrom; ++j) {
    Vector column[kFrom];
    Vector transformed[kTo];
    for (int i = 0; i < kFrom; ++i) column[i] = in[i][j];
    transform(column, transformed);
    for (int i = 0; i < kTo; ++i) half[i][j] = transformed[i];
  }
  for (int i = 0; i < kTo; ++i) transform(half[i], out[i]);
}

int64_t RoundUp(int64_t elements) { return (elements + kLanes - 1) / kLanes * kLanes; }
int64_t Smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// The tiles of all images, in order.
struct Tiling {
  explicit Tiling(const WinogradShape& shape)
      : rows((shape.out_height + kTile - 1) / kTile),
        columns((shape.out_width + kTile - 1) / kTile),
        count(shape.count * rows * columns) {}

  int64_t rows;
  int64_t columns;
  int64_t count;
};

// Where a tile's results begin.
struct TilePosition {
  TilePosition(const Tiling& tiling, int64_t tile)
      : image(tile / (tiling.rows * tiling.columns)),
        y(tile / tiling.columns % tiling.rows * kTile),
        x(tile % tiling.columns * kTile) {}

  int64_t image;
  int64_t y;
  int64_t x;
};

// A square of an image plane, `size` elements along an axis, of which parts may lie outside.
struct Square {
  const float* plane;  // [height, width, channels]
  int64_t height, width, channels;
  int64_t top, left, size;

  bool Inside() const {
    return top >= 0 && left >= 0 && top + size <= height && left + size <= width;
  }
  // The vector of channels from `channel` at (i, j) of the square; zeros outside the plane.
  template <bool kInside>
  inline __attribute__((always_inline)) Vector Load(int64_t i, int64_t j, int64_t channel,
                                                    __mmask16 lanes) const {
    const int64_t y = top + i;
    const int64_t x = left + j;
    const bool outside = y < 0 || y >= height || x < 0 || x >= width;
    if (!kInside && outside) return _mm512_setzero_ps();
    return _mm512_maskz_loadu_ps(lanes, plane + (y * width + x) * channels + channel);
  }
};

// Transforms the square, kFrom elements along an axis, into row `row` of the points' matrices
// [kPoints, kTilesPerBlock, stride].
template <int kFrom, bool kInside, typename Transform>
inline __attribute__((always_inline)) void TransformElements(const Square& square,
                                                             Transform transform, int64_t row,
                                                             int64_t stride, float* points) {
  for (int64_t channel = 0; channel < square.channels; channel += kLanes) {
    const __mmask16 lanes = LanesOf(square.channels - channel);
    Vector in[kFrom][kFrom];
    for (int i = 0; i < kFrom; ++i) {
      for (int j = 0; j < kFrom; ++j) in[i][j] = square.Load<kInside>(i, j, channel, lanes);
    }
    Vector out[kPatch][kPatch];
    Both<kFrom, kPatch>(in, transform, out);
    for (int point = 0; point < kPoints; ++point) {
      _mm512_storeu_ps(points + (point * kTilesPerBlock + row) * stride + channel,
                       out[point / kPatch][point % kPatch]);
    }
  }
}

template <int kFrom, typename Transform>
inline __attribute__((always_inline)) void TransformSquare(const Square& square,
                                                           Transform transform, int64_t row,
                                                           float* points) {
  const int64_t stride = RoundUp(square.channels);
  if (square.Inside()) {
    TransformElements<kFrom, true>(square, transform, row, stride, points);
  } else {
    TransformElements<kFrom, false>(square, transform, row, stride, points);
  }
}

void TransformPatch(const WinogradShape& shape, const Tiling& tiling, int64_t tile, int64_t row,
                    const float* x, float* points) {
  const TilePosition at(tiling, tile);
  const Square patch{x + at.image * shape.height * shape.width * shape.channels,
                     shape.height,
                     shape.width,
                     shape.channels,
                     at.y - shape.pad_top,
                     at.x - shape.pad_left,
                     kPatch};
  TransformSquare<kPatch>(patch, PatchTransform, row, points);
}

void TransformGradient(const WinogradShape& shape, const Tiling& tiling, int64_t tile, int64_t row,
                       const float* dy, float* points) {
  const TilePosition at(tiling, tile);
  const Square results{dy + at.image * shape.out_height * shape.out_width * shape.filters,
                       shape.out_height,
                       shape.out_width,
                       shape.filters,
                       at.y,
                       at.x,
                       kTile};
  TransformSquare<kTile>(results, GradientTransform, row, points);
}

// Row `row` of the points' matrices into a tile of y.
void StoreResults(const WinogradShape& shape, const Tiling& tiling, int64_t tile, int64_t row,
                  const float* points, const float* bias, float floor, float* y) {
  const TilePosition at(tiling, tile);
  const int64_t stride = RoundUp(shape.filters);
  const int64_t height = Smaller(kTile, shape.out_height - at.y);
  const int64_t width = Smaller(kTile, shape.out_width - at.x);
  float* const corner =
      y + ((at.image * shape.out_height + at.y) * shape.out_width + at.x) * shape.filters;
  for (int64_t filter = 0; filter < shape.filters; filter += kLanes) {
    const __mmask16 lanes = LanesOf(shape.filters - filter);
    Vector in[kPatch][kPatch];
    for (int point = 0; point < kPoints; ++point) {
      in[point / kPatch][point % kPatch] =
          _mm512_loadu_ps(points + (point * kTilesPerBlock + row) * stride + filter);
    }
    Vector out[kTile][kTile];
    Both<kPatch, kTile>(in, ResultTransform, out);
    const Vector shift =
        bias == nullptr ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps(lanes, bias + filter);
    for (int64_t i = 0; i < height; ++i) {
      for (int64_t j = 0; j < width; ++j) {
        float* const to = corner + (i * shape.out_width + j) * shape.filters + filter;
        // In this order a NaN stays.
        const Vector result = _mm512_maskz_max_ps(lanes, _mm512_set1_ps(floor), out[i][j] + shift);
        _mm512_mask_storeu_ps(to, lanes, result);
      }
    }
  }
}

// weight: [outer, inner] kernels with the given strides -> [kPoints, outer, inner]; kernels turned
// if `turned`.
void TransformKernels(const float* weight, int64_t outer, int64_t outer_stride, int64_t inner,
                      int64_t inner_stride, bool turned, float* transformed) {
  const __m512i offsets =
      _mm512_mullo_epi32(_mm512_set1_epi32(static_cast<int>(inner_stride)),
                         _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
#pragma omp parallel for schedule(static) if (outer * inner > 1024)
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t i = 0; i < inner; i += kLanes) {
      const __mmask16 lanes = LanesOf(inner - i);
      const float* const kernels = weight + o * outer_stride + i * inner_stride;
      Vector in[kKernel][kKernel];
      for (int tap = 0; tap < kTaps; ++tap) {
        const int64_t from = turned ? kTaps - 1 - tap : tap;
        in[tap / kKernel][tap % kKernel] = _mm512_mask_i32gather_ps(
            _mm512_setzero_ps(), lanes, offsets, kernels + from, sizeof(float));
      }
      Vector out[kPatch][kPatch];
      Both<kKernel, kPatch>(in, KernelTransform, out);
      for (int point = 0; point < kPoints; ++point) {
        _mm512_mask_storeu_ps(transformed + (point * outer + o) * inner + i, lanes,
                              out[point / kPatch][point % kPatch]);
      }
    }
  }
}

// transformed: [kPoints, channels, filters] -> dweight: [filters, channels, 3, 3]
void StoreWeightGradient(const float* transformed, int64_t channels, int64_t filters,
                         float* dweight) {
  const __m512i offsets =
      _mm512_mullo_epi32(_mm512_set1_epi32(static_cast<int>(channels * kTaps)),
                         _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
#pragma omp parallel for schedule(static) if (channels * filters > 1024)
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t f = 0; f < filters; f += kLanes) {
      const __mmask16 lanes = LanesOf(filters - f);
      Vector in[kPatch][kPatch];
      for (int point = 0; point < kPoints; ++point) {
        in[point / kPatch][point % kPatch] =
            _mm512_maskz_loadu_ps(lanes, transformed + (point * channels + c) * filters + f);
      }
      Vector out[kKernel][kKernel];
      Both<kPatch, kKernel>(in, KernelGradientTransform, out);
      float* const kernels = dweight + (f * channels + c) * kTaps;
      for (int tap = 0; tap < kTaps; ++tap) {
        _mm512_mask_i32scatter_ps(kernels + tap, lanes, offsets, out[tap / kKernel][tap % kKernel],
                                  sizeof(float));
      }
    }
  }
}

int64_t PointsElements(int64_t channels) { return kPoints * kTilesPerBlock * RoundUp(channels); }

int64_t BlockElements(const WinogradShape& shape) {
  return PointsElements(shape.channels) + PointsElements(shape.filters);
}

}  // namespace

bool HaveWinograd() { return __builtin_cpu_supports("avx512f") != 0; }

int64_t WinogradWeightElements(int64_t channels, int64_t filters) {
  return kPoints * channels * filters;
}

int64_t WinogradScratchElements(const WinogradShape& shape, int threads) {
  return BlockElements(shape) * threads;
}

void TransformWeight(const float* weight, int64_t filters, int64_t channels, float* transformed) {
  TransformKernels(weight, channels, kTaps, filters, channels * kTaps, false, transformed);
}

void TransformTurnedWeight(const float* weight, int64_t filters, int64_t channels,
                           float* transformed) {
  TransformKernels(weight, filters, channels * kTaps, channels, kTaps, true, transformed);
}

void WinogradConvolution(const WinogradShape& shape, const float* x,
                         const float* transformed_weight, const float* bias, float floor,
                         float* scratch, float* y) {
  const Tiling tiling(shape);
  const int64_t blocks = (tiling.count + kTilesPerBlock - 1) / kTilesPerBlock;
  const int64_t in_stride = RoundUp(shape.channels);
  const int64_t out_stride = RoundUp(shape.filters);
#pragma omp parallel for schedule(static) if (blocks > 1)
  for (int64_t block = 0; block < blocks; ++block) {
    float* const patches = scratch + omp_get_thread_num() * BlockElements(shape);
    float* const results = patches + PointsElements(shape.channels);
    const int64_t first = block * kTilesPerBlock;
    const int64_t tiles = Smaller(kTilesPerBlock, tiling.count - first);
    for (int64_t t = 0; t < tiles; ++t) TransformPatch(shape, tiling, first + t, t, x, patches);
    for (int64_t point = 0; point < kPoints; ++point) {
      Gemm(tiles, shape.filters, shape.channels,
           {patches + point * kTilesPerBlock * in_stride, in_stride, 1,
            transformed_weight + point * shape.channels * shape.filters, shape.filters,
            results + point * kTilesPerBlock * out_stride, out_stride},
           /*add=*/false);
    }
    for (int64_t t = 0; t < tiles; ++t) {
      StoreResults(shape, tiling, first + t, t, results, bias, floor, y);
    }
  }
}

// Threads share a block: each takes some of its tiles, then some of the points, so that a point's
// sum has one order whatever their number.
void WinogradWeightGradient(const WinogradShape& shape, const float* x, const float* dy,
                            float* transformed, float* scratch, float* dweight) {
  const Tiling tiling(shape);
  const int64_t in_stride = RoundUp(shape.channels);
  const int64_t out_stride = RoundUp(shape.filters);
  float* const patches = scratch;
  float* const gradients = patches + PointsElements(shape.channels);
#pragma omp parallel
  for (int64_t first = 0; first < tiling.count; first += kTilesPerBlock) {
    const int64_t tiles = Smaller(kTilesPerBlock, tiling.count - first);
#pragma omp for schedule(static)
    for (int64_t t = 0; t < tiles; ++t) {
      TransformPatch(shape, tiling, first + t, t, x, patches);
      TransformGradient(shape, tiling, first + t, t, dy, gradients);
    }
#pragma omp for schedule(static)
    for (int64_t point = 0; point < kPoints; ++point) {
      Gemm(shape.channels, shape.filters, tiles,
           {patches + point * kTilesPerBlock * in_stride, 1, in_stride,
            gradients + point * kTilesPerBlock * out_stride, out_stride,
            transformed + point * shape.channels * shape.filters, shape.filters},
           /*add=*/first > 0);
    }
  }
  StoreWeightGradient(transformed, shape.channels, shape.filters, dweight);
}

}  // namespace graft::engine::cpu

#else  // another processor than x86-64

namespace graft::engine::cpu {

bool HaveWinograd() { return false; }
std::int64_t WinogradWeightElements(std::int64_t, std::int64_t) { return 0; }
std::int64_t WinogradScratchElements(const WinogradShape&, int) { return 0; }
void TransformWeight(const float*, std::int64_t, std::int64_t, float*) {}
void TransformTurnedWeight(const float*, std::int64_t, std::int64_t, float*) {}
void WinogradConvolution(const WinogradShape&, const float*, const float*, const float*, float,
                         float*, float*) {}
void WinogradWeightGradient(const WinogradShape&, const float*, const float*, float*, float*,
                            float*) {}

}  // namespace graft::engine::cpu

#endif
