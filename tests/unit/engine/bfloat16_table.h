// A kernel table for tests of bfloat16.
#ifndef GRAFT_TESTS_UNIT_ENGINE_BFLOAT16_TABLE_H_
#define GRAFT_TESTS_UNIT_ENGINE_BFLOAT16_TABLE_H_

#include "common/engine/cpu/kernel_table.h"
#include "common/recipe/precision.h"

namespace graft::engine::testing {

// bfloat16 wherever the precision admits it.
inline cpu::KernelTable AllBfloat16() {
  cpu::KernelTable table;
  for (std::size_t contest = 0; contest < cpu::Contests().size(); ++contest) {
    if (cpu::Contests()[contest].precision != recipe::Precision::kBfloat16) continue;
    for (const cpu::ConvolutionPass pass : cpu::kConvolutionPasses) {
      for (std::size_t c = 0; c < cpu::KernelTable::kWidths.size(); ++c) {
        for (std::size_t f = 0; f < cpu::KernelTable::kWidths.size(); ++f) {
          table.Set(contest, pass, c, f, cpu::Method::kBfloat16);
        }
      }
    }
  }
  return table;
}

}  // namespace graft::engine::testing

#endif  // GRAFT_TESTS_UNIT_ENGINE_BFLOAT16_TABLE_H_
