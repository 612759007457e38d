// Winograd's minimal filtering F(4x4, 3x3) and F(4x4, 5x5), channels-last (A. Lavin, S. Gray, "Fast
// Algorithms for Convolutional Neural Networks", CVPR 2016).
//
// Each tile of 4x4 results y takes a patch of 6x6 (8x8) elements d of x, per channel:
//   y = A^T [ sum over channels of (G w G^T) (B^T d B) ] A
// where the product is element by element: for each of the patch's 36 (64) points a matrix product
// of [tiles, channels] and [channels, filters] is left, with 36 (64) multiplications where the
// direct sum has 144 (400). The gradients are those of this equation: dx is a convolution with
// turned weights, dw = G^T [ sum over tiles of (A dy A^T) (B^T d B) ] G.
#include "common/engine/cpu/avx512_convolution.h"

#ifdef __AVX512F__

#include <omp.h>

#include "common/engine/cpu/avx512_gemm.h"
#include "common/engine/cpu/avx512_operand.h"
#include "common/engine/cpu/avx512_slices.h"
#include "common/engine/cpu/winograd_transforms.h"

namespace graft::engine::cpu {
namespace {

int64_t PointsOf(int64_t kernel) { return kernel == 3 ? kPoints<3> : kPoints<5>; }

// Tiles that are computed together: 36, or 24 where those would crowd the second cache. Fewer would
// read the weights too often.
int64_t TilesPerBlock(const ConvolutionShape& shape) {
  constexpr int64_t kMostElements = 160 << 10;
  const int64_t tile_elements =
      PointsOf(shape.kernel) * (RoundUp(shape.channels) + RoundUp(shape.filters));
  return 36 * tile_elements <= kMostElements ? 36 : 24;
}

// The tiles of all images, in order.
struct Tiling {
  explicit Tiling(const ConvolutionShape& shape)
      : rows((shape.out_height + kTile - 1) / kTile),
        columns((shape.out_width + kTile - 1) / kTile),
        count(shape.count * rows * columns),
        per_block(TilesPerBlock(shape)) {}

  int64_t rows;
  int64_t columns;
  int64_t count;
  int64_t per_block;
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

// Rows of images, which are numbered through all images.
struct Rows {
  const float* values;  // from the row `first` on
  int64_t first;
};

// The operand's rows that the tiles of a block need.
struct RowRange {
  RowRange(const ConvolutionShape& shape, const Tiling& tiling, int64_t first_tile, int64_t tiles) {
    const TilePosition front(tiling, first_tile);
    const TilePosition back(tiling, first_tile + tiles - 1);
    const int64_t top = front.y - shape.pad_top;
    const int64_t bottom = back.y - shape.pad_top + kTile + shape.kernel - 1;
    first = front.image * shape.height + (top > 0 ? Smaller(top, shape.height) : 0);
    count = back.image * shape.height + Smaller(bottom, shape.height) - first;
  }
  // The most of any block: of each row of tiles, and what patches overlap at an image's edges.
  static int64_t Most(const ConvolutionShape& shape, const Tiling& tiling) {
    const int64_t tile_rows = (tiling.per_block + tiling.columns - 2) / tiling.columns + 1;
    const int64_t images = (tile_rows + tiling.rows - 2) / tiling.rows + 1;
    return tile_rows * kTile + images * (shape.kernel - 1);
  }

  int64_t first;
  int64_t count;
};

// A square of an image plane, `size` elements along an axis, of which parts may lie outside.
struct Square {
  const float* rows;  // of [width, channels]
  int64_t first_row;  // the plane's first one among them; less than 0: they begin below it
  int64_t height, width, channels;
  int64_t top, left, size;

  bool Inside() const {
    return top >= 0 && left >= 0 && top + size <= height && left + size <= width;
  }
  // The vector of channels from `channel` at (i, j) of the square; zeros outside the plane.
  template <typename V, bool kInside>
  inline __attribute__((always_inline)) Vector<V> Load(int64_t i, int64_t j, int64_t channel,
                                                       __mmask16 lanes) const {
    const int64_t y = top + i;
    const int64_t x = left + j;
    const bool outside = y < 0 || y >= height || x < 0 || x >= width;
    if (!kInside && outside) return V::Zero();
    return V::Load(lanes, rows + ((first_row + y) * width + x) * channels + channel);
  }
};

// Where the transformed values of a block's tiles lie: for each point a matrix
// [tiles of a block, channels in whole vectors].
struct Points {
  Points(float* values, const Tiling& tiling, int64_t channels)
      : values(values), row(RoundUp(channels)), matrix(tiling.per_block * row) {}

  float* values;
  int64_t row;     // elements of a tile
  int64_t matrix;  // elements of a point
};

// The scratch of a block. The operand's rows, where a norm computes them, lie where the values of
// filters do: they are transformed before there are any.
struct Block {
  Block(const ConvolutionShape& shape, const Tiling& tiling, float* scratch)
      : channels(scratch, tiling, shape.channels),
        filters(scratch + PointsOf(shape.kernel) * channels.matrix, tiling, shape.filters),
        rows(filters.values) {}

  static int64_t Elements(const ConvolutionShape& shape) {
    const Tiling tiling(shape);
    const int64_t points_of_tiles = PointsOf(shape.kernel) * tiling.per_block;
    const int64_t of_filters = points_of_tiles * RoundUp(shape.filters);
    const int64_t of_rows =
        shape.normed ? RowRange::Most(shape, tiling) * shape.width * shape.channels : 0;
    return points_of_tiles * RoundUp(shape.channels) +
           RoundUp(of_rows > of_filters ? of_rows : of_filters);
  }

  Points channels;  // of patches
  Points filters;   // of results, or of their gradients
  float* rows;
};

// Transforms the square, kFrom elements along an axis, into the values of tile `t` of its block.
template <typename Transform, int kFrom, int kTo, bool kInside>
inline __attribute__((always_inline)) void TransformElements(const Square& square, int64_t t,
                                                             const Points& points) {
  ForEachVector(
      square.channels, [&](auto kind, int64_t channel,
                           __mmask16 lanes) __attribute__((always_inline)) {
        using V = decltype(kind);
        Vector<V> in[kFrom][kFrom];
        GRAFT_UNROLLED for (int i = 0; i < kFrom; ++i) {
          GRAFT_UNROLLED for (int j = 0; j < kFrom; ++j) {
            in[i][j] = square.Load<V, kInside>(i, j, channel, lanes);
          }
        }
        Vector<V> out[kTo][kTo];
        Both<Transform, V>(in, out);
        float* const to = points.values + t * points.row + channel;
        GRAFT_UNROLLED for (int point = 0; point < kTo * kTo; ++point) {
          V::Store(to + point * points.matrix, V::kAll, out[point / kTo][point % kTo]);
        }
      });
}

template <typename Transform, int kFrom, int kTo>
inline __attribute__((always_inline)) void TransformSquare(const Square& square, int64_t t,
                                                           const Points& points) {
  if (square.Inside()) {
    TransformElements<Transform, kFrom, kTo, true>(square, t, points);
  } else {
    TransformElements<Transform, kFrom, kTo, false>(square, t, points);
  }
}

template <int K>
void TransformPatch(const ConvolutionShape& shape, const TilePosition& at, const Rows& rows,
                    int64_t t, const Points& points) {
  const Square patch{rows.values,           at.image * shape.height - rows.first,
                     shape.height,          shape.width,
                     shape.channels,        at.y - shape.pad_top,
                     at.x - shape.pad_left, kPatch<K>};
  TransformSquare<PatchTransform<K>, kPatch<K>, kPatch<K>>(patch, t, points);
}

template <int K>
void TransformGradient(const ConvolutionShape& shape, const TilePosition& at, const float* dy,
                       int64_t t, const Points& points) {
  const Square results{dy,
                       at.image * shape.out_height,
                       shape.out_height,
                       shape.out_width,
                       shape.filters,
                       at.y,
                       at.x,
                       kTile};
  TransformSquare<GradientTransform<K>, kTile, kPatch<K>>(results, t, points);
}

// The results of tile `t` of its block into y.
template <int K>
void StoreResults(const ConvolutionShape& shape, const TilePosition& at, int64_t t,
                  const Points& points, const float* bias, float floor, float* y) {
  const int64_t height = Smaller(kTile, shape.out_height - at.y);
  const int64_t width = Smaller(kTile, shape.out_width - at.x);
  float* const corner =
      y + ((at.image * shape.out_height + at.y) * shape.out_width + at.x) * shape.filters;
  ForEachVector(
      shape.filters, [&](auto kind, int64_t filter,
                         __mmask16 lanes) __attribute__((always_inline)) {
        using V = decltype(kind);
        Vector<V> in[kPatch<K>][kPatch<K>];
        const float* const from = points.values + t * points.row + filter;
        GRAFT_UNROLLED for (int point = 0; point < kPoints<K>; ++point) {
          in[point / kPatch<K>][point % kPatch<K>] = V::Load(V::kAll, from + point * points.matrix);
        }
        Vector<V> out[kTile][kTile];
        Both<ResultTransform<K>, V>(in, out);
        const Vector<V> shift = bias == nullptr ? V::Zero() : V::Load(lanes, bias + filter);
        for (int64_t i = 0; i < height; ++i) {
          for (int64_t j = 0; j < width; ++j) {
            // In this order a NaN stays.
            V::Store(corner + (i * shape.out_width + j) * shape.filters + filter, lanes,
                     V::Max(V::Same(floor), out[i][j] + shift));
          }
        }
      });
}

// Of elements so far from one another.
__m512i LaneOffsets(int64_t stride) {
  return _mm512_mullo_epi32(_mm512_set1_epi32(static_cast<int>(stride)),
                            _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
}

// weight: [outer, inner] kernels with the given strides -> [points, outer, inner]; turned if
// `turned`.
template <int K>
void TransformKernels(const float* weight, int64_t outer, int64_t outer_stride, int64_t inner,
                      int64_t inner_stride, bool turned, float* transformed) {
  const __m512i offsets = LaneOffsets(inner_stride);
#pragma omp parallel for schedule(static) if (outer * inner > 1024)
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t i = 0; i < inner; i += kLanes) {
      const __mmask16 lanes = LanesOf(inner - i);
      const float* const kernels = weight + o * outer_stride + i * inner_stride;
      FullVector::Vector in[K][K];
      for (int tap = 0; tap < K * K; ++tap) {
        const int64_t from = turned ? K * K - 1 - tap : tap;
        in[tap / K][tap % K] = _mm512_mask_i32gather_ps(_mm512_setzero_ps(), lanes, offsets,
                                                        kernels + from, sizeof(float));
      }
      FullVector::Vector out[kPatch<K>][kPatch<K>];
      Both<KernelTransform<K>, FullVector>(in, out);
      for (int point = 0; point < kPoints<K>; ++point) {
        _mm512_mask_storeu_ps(transformed + (point * outer + o) * inner + i, lanes,
                              out[point / kPatch<K>][point % kPatch<K>]);
      }
    }
  }
}

// transformed: [points, channels, RoundUp(filters)] -> dweight: [filters, channels, K, K]
template <int K>
void StoreWeightGradient(const float* transformed, int64_t channels, int64_t filters,
                         float* dweight) {
  const __m512i offsets = LaneOffsets(channels * K * K);
#pragma omp parallel for schedule(static) if (channels * filters > 1024)
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t f = 0; f < filters; f += kLanes) {
      const __mmask16 lanes = LanesOf(filters - f);
      FullVector::Vector in[kPatch<K>][kPatch<K>];
      for (int point = 0; point < kPoints<K>; ++point) {
        in[point / kPatch<K>][point % kPatch<K>] = _mm512_maskz_loadu_ps(
            lanes, transformed + (point * channels + c) * RoundUp(filters) + f);
      }
      FullVector::Vector out[K][K];
      Both<KernelGradientTransform<K>, FullVector>(in, out);
      float* const kernels = dweight + (f * channels + c) * K * K;
      for (int tap = 0; tap < K * K; ++tap) {
        _mm512_mask_i32scatter_ps(kernels + tap, lanes, offsets, out[tap / K][tap % K],
                                  sizeof(float));
      }
    }
  }
}

// All patches of a block, by one thread.
template <int K>
void TransformPatches(const ConvolutionShape& shape, const Tiling& tiling,
                      const ConvolutionOperand& operand, int64_t first, int64_t tiles,
                      const Block& block) {
  const RowRange range(shape, tiling, first, tiles);
  const int64_t width = shape.width;
  const Rows rows{
      LoadPixels(operand, shape.channels, range.first * width, range.count * width, block.rows),
      range.first};
  for (int64_t t = 0; t < tiles; ++t) {
    TransformPatch<K>(shape, TilePosition(tiling, first + t), rows, t, block.channels);
  }
}

template <int K>
void ConvolveTiles(const ConvolutionShape& shape, const ConvolutionOperand& operand,
                   const float* transformed_weight, const float* bias, float floor, float* scratch,
                   float* y) {
  const Tiling tiling(shape);
#pragma omp parallel for schedule(static) if (tiling.count > tiling.per_block)
  for (int64_t first = 0; first < tiling.count; first += tiling.per_block) {
    const int64_t tiles = Smaller(tiling.per_block, tiling.count - first);
    const Block block(shape, tiling, scratch + omp_get_thread_num() * Block::Elements(shape));
    const Points& patches = block.channels;
    const Points& results = block.filters;
    TransformPatches<K>(shape, tiling, operand, first, tiles, block);
    for (int64_t point = 0; point < kPoints<K>; ++point) {
      Gemm(tiles, shape.filters, shape.channels,
           {patches.values + point * patches.matrix, patches.row, 1,
            transformed_weight + point * shape.channels * shape.filters, shape.filters,
            results.values + point * results.matrix, results.row, /*c_padded=*/true},
           /*add=*/false);
    }
    for (int64_t t = 0; t < tiles; ++t) {
      StoreResults<K>(shape, TilePosition(tiling, first + t), t, results, bias, floor, y);
    }
  }
}

// Elements of transformed weights' gradients: [points, channels, RoundUp(filters)].
int64_t WeightElements(const ConvolutionShape& shape) {
  return PointsOf(shape.kernel) * shape.channels * RoundUp(shape.filters);
}

int64_t SlicesOf(const ConvolutionShape& shape) {
  constexpr int64_t kLeastTiles = 128;
  return NumberOfSlices(Tiling(shape).count, kLeastTiles, WeightElements(shape));
}

// transformed[point] = or += the sum over a block's tiles.
template <int K>
void SumPoint(const ConvolutionShape& shape, int64_t tiles, int64_t point, const Block& block,
              bool add, float* transformed) {
  const Points& patches = block.channels;
  const Points& gradients = block.filters;
  Gemm(shape.channels, shape.filters, tiles,
       {patches.values + point * patches.matrix, 1, patches.row,
        gradients.values + point * gradients.matrix, gradients.row,
        transformed + point * shape.channels * gradients.row, gradients.row,
        /*c_padded=*/true},
       add);
}

// The gradient of transformed weights, of the tiles from `first` to before `last`, by one thread.
template <int K>
void SumTiles(const ConvolutionShape& shape, const Tiling& tiling, int64_t first, int64_t last,
              const ConvolutionOperand& operand, const float* dy, float* scratch,
              float* transformed) {
  const Block block(shape, tiling, scratch);
  for (int64_t start = first; start < last; start += tiling.per_block) {
    const int64_t tiles = Smaller(tiling.per_block, last - start);
    TransformPatches<K>(shape, tiling, operand, start, tiles, block);
    for (int64_t t = 0; t < tiles; ++t) {
      TransformGradient<K>(shape, TilePosition(tiling, start + t), dy, t, block.filters);
    }
    for (int64_t point = 0; point < kPoints<K>; ++point) {
      SumPoint<K>(shape, tiles, point, block, /*add=*/start > first, transformed);
    }
  }
}

// The gradient of transformed weights.
template <int K>
void SumSlices(const ConvolutionShape& shape, const ConvolutionOperand& operand, const float* dy,
               float* scratch, float* transformed) {
  const Tiling tiling(shape);
  const int64_t slices = SlicesOf(shape);
  const int64_t elements = WeightElements(shape);
  float* const blocks = scratch + (slices - 1) * elements;
  SumInSlices(slices, tiling.count, elements, scratch, transformed,
              [&](int64_t first, int64_t last, float* sum) {
                SumTiles<K>(shape, tiling, first, last, operand, dy,
                            blocks + Block::Elements(shape) * omp_get_thread_num(), sum);
              });
}

// The same in one slice. Threads share a block: each takes some of its tiles, then some of the
// points.
template <int K>
void SumTogether(const ConvolutionShape& shape, const ConvolutionOperand& operand, const float* dy,
                 float* scratch, float* transformed) {
  const Tiling tiling(shape);
  const Block block(shape, tiling, scratch);
#pragma omp parallel
  for (int64_t first = 0; first < tiling.count; first += tiling.per_block) {
    const int64_t tiles = Smaller(tiling.per_block, tiling.count - first);
    const RowRange range(shape, tiling, first, tiles);
    const Rows rows = operand.norm == nullptr ? Rows{operand.x, 0} : Rows{block.rows, range.first};
    if (operand.norm != nullptr) {
      const int64_t row = shape.width * shape.channels;
#pragma omp for schedule(static)
      for (int64_t i = 0; i < range.count; ++i) {
        LoadPixels(operand, shape.channels, (range.first + i) * shape.width, shape.width,
                   block.rows + i * row);
      }
    }
#pragma omp for schedule(static)
    for (int64_t t = 0; t < tiles; ++t) {
      TransformPatch<K>(shape, TilePosition(tiling, first + t), rows, t, block.channels);
    }
#pragma omp for schedule(static)
    for (int64_t t = 0; t < tiles; ++t) {
      TransformGradient<K>(shape, TilePosition(tiling, first + t), dy, t, block.filters);
    }
#pragma omp for schedule(static)
    for (int64_t point = 0; point < kPoints<K>; ++point) {
      SumPoint<K>(shape, tiles, point, block, /*add=*/first > 0, transformed);
    }
  }
}

// A number that is known at compilation.
template <int kValue>
struct Constant {
  constexpr operator int() const { return kValue; }  // NOLINT(google-explicit-constructor)
};

// f(a Constant of the kernel's size), which is 3 or 5
template <typename F>
void ForKernel(int64_t kernel, F f) {
  if (kernel == 3) {
    f(Constant<3>());
  } else {
    f(Constant<5>());
  }
}

int64_t ScratchElements(const ConvolutionShape& shape, int threads) {
  return (SlicesOf(shape) - 1) * WeightElements(shape) + Block::Elements(shape) * threads;
}

// -> [points, channels, filters], or [points, filters, channels] if turned
void TransformWeight(const ConvolutionShape& shape, const float* weight, bool turned,
                     float* transformed) {
  const int64_t taps = shape.kernel * shape.kernel;
  const int64_t filter = shape.channels * taps;
  ForKernel(shape.kernel, [&](auto size) {
    if (turned) {
      TransformKernels<size>(weight, shape.filters, filter, shape.channels, taps, true,
                             transformed);
    } else {
      TransformKernels<size>(weight, shape.channels, taps, shape.filters, filter, false,
                             transformed);
    }
  });
}

void Convolve(const ConvolutionShape& shape, const ConvolutionOperand& operand,
              const float* transformed_weight, const float* bias, float floor, float* scratch,
              float* y) {
  ForKernel(shape.kernel, [&](auto size) {
    ConvolveTiles<size>(shape, operand, transformed_weight, bias, floor, scratch, y);
  });
}

void WeightGradient(const ConvolutionShape& shape, const ConvolutionOperand& operand,
                    const float* dy, float* transformed, float* scratch, float* dweight) {
  ForKernel(shape.kernel, [&](auto size) {
    if (SlicesOf(shape) > 1) {
      SumSlices<size>(shape, operand, dy, scratch, transformed);
    } else {
      SumTogether<size>(shape, operand, dy, scratch, transformed);
    }
    StoreWeightGradient<size>(transformed, shape.channels, shape.filters, dweight);
  });
}

}  // namespace

const Avx512Convolution kWinogradFunctions = {.weight_elements = WeightElements,
                                              .scratch_elements = ScratchElements,
                                              .transform_weight = TransformWeight,
                                              .convolve = Convolve,
                                              .weight_gradient = WeightGradient};

}  // namespace graft::engine::cpu

#else  // another processor than x86-64

namespace graft::engine::cpu {

const Avx512Convolution kWinogradFunctions = {};

}  // namespace graft::engine::cpu

#endif
