// Small loops that several kernels share.
#ifndef GRAFT_COMMON_ENGINE_CPU_LOOPS_H_
#define GRAFT_COMMON_ENGINE_CPU_LOOPS_H_

#include <cstdint>

#include "common/engine/cpu/kernel.h"

namespace graft::engine::cpu {

// to[i] = from[i]; nothing if they are one.
void Copy(const float* from, std::int64_t size, float* to);

// sum[i] += x[i]
void Accumulate(const float* x, std::int64_t size, float* sum);

// Hands a gradient to an operand: nothing, Copy or Accumulate.
void PassGradient(GradientUse use, const float* from, std::int64_t size, float* to);

// sum[c] += sum over the rows of x [rows, columns]; blocks of rows are summed first.
void SumRows(const float* x, std::int64_t rows, std::int64_t columns, float* sum);

// in: [batch, rows, columns] -> out: [batch, columns, rows]
void Transpose(const float* in, std::int64_t batch, std::int64_t rows, std::int64_t columns,
               float* out);

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_LOOPS_H_
