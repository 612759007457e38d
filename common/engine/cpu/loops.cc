#include "common/engine/cpu/loops.h"

#include <algorithm>
#include <cstring>

#include "common/engine/cpu/parallel.h"
#include "common/engine/cpu/simd.h"

namespace graft::engine::cpu {
namespace {

constexpr std::int64_t kColumnsPerBlock = 64;

GRAFT_SIMD void AddTo(const float* __restrict x, std::int64_t size, float* __restrict sum) {
  for (std::int64_t i = 0; i < size; ++i) sum[i] += x[i];
}

// The sums of `width` columns of x [rows, columns].
GRAFT_SIMD void SumColumns(const float* __restrict x, std::int64_t rows, std::int64_t columns,
                           std::int64_t width, float* __restrict sum) {
  constexpr std::int64_t kRowsPerBlock = 256;
  for (std::int64_t start = 0; start < rows; start += kRowsPerBlock) {
    const std::int64_t end = std::min(start + kRowsPerBlock, rows);
    float block[kColumnsPerBlock] = {};
    for (std::int64_t row = start; row < end; ++row) {
      for (std::int64_t c = 0; c < width; ++c) block[c] += x[row * columns + c];
    }
    for (std::int64_t c = 0; c < width; ++c) sum[c] += block[c];
  }
}

// Of one matrix of three rows, as a picture in colour is: with a constant the compiler vectorises.
GRAFT_SIMD void TransposeThree(const float* __restrict in, std::int64_t columns,
                               float* __restrict out) {
  constexpr int kRows = 3;
  for (std::int64_t c = 0; c < columns; ++c) {
    for (int r = 0; r < kRows; ++r) out[c * kRows + r] = in[r * columns + c];
  }
}

// Of one matrix.
void TransposeOne(const float* in, std::int64_t rows, std::int64_t columns, float* out) {
  if (rows == 3) return TransposeThree(in, columns, out);
  for (std::int64_t c = 0; c < columns; ++c) {
    for (std::int64_t r = 0; r < rows; ++r) out[c * rows + r] = in[r * columns + c];
  }
}

}  // namespace

void Copy(const float* from, std::int64_t size, float* to) {
  if (from == to) return;
  ForEachPart(size, size, [&](std::int64_t first, std::int64_t count) {
    std::memcpy(to + first, from + first, static_cast<std::size_t>(count) * sizeof(float));
  });
}

void Accumulate(const float* x, std::int64_t size, float* sum) {
  ForEachPart(size, size, [&](std::int64_t first, std::int64_t count) {
    AddTo(x + first, count, sum + first);
  });
}

void PassGradient(GradientUse use, const float* from, std::int64_t size, float* to) {
  if (use == GradientUse::kWrite) Copy(from, size, to);
  if (use == GradientUse::kAdd) Accumulate(from, size, to);
}

void SumRows(const float* x, std::int64_t rows, std::int64_t columns, float* sum) {
  const std::int64_t blocks = (columns + kColumnsPerBlock - 1) / kColumnsPerBlock;
  ForEachPart(blocks, rows * columns, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t block = first; block < first + count; ++block) {
      const std::int64_t column = block * kColumnsPerBlock;
      SumColumns(x + column, rows, columns, std::min(kColumnsPerBlock, columns - column),
                 sum + column);
    }
  });
}

void Transpose(const float* in, std::int64_t batch, std::int64_t rows, std::int64_t columns,
               float* out) {
  const std::int64_t matrix = rows * columns;
  if (rows == 1 || columns == 1) {
    Copy(in, batch * matrix, out);
    return;
  }
  ForEachPart(batch, batch * matrix, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t n = first; n < first + count; ++n) {
      TransposeOne(in + n * matrix, rows, columns, out + n * matrix);
    }
  });
}

}  // namespace graft::engine::cpu
