// The rows of features of a value: all of [F], each token of [T, D], the channels at each position
// of [C, H, W].
#ifndef GRAFT_COMMON_ENGINE_REFERENCE_ROWS_H_
#define GRAFT_COMMON_ENGINE_REFERENCE_ROWS_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "common/engine/reference/kernel.h"

namespace graft::engine::reference {

struct Row {
  std::int64_t first = 0;
  std::int64_t stride = 1;
  std::int64_t length = 0;

  // Position of feature i.
  std::int64_t operator()(std::int64_t i) const { return first + i * stride; }
};

// Calls f(row) for each row of each example.
template <typename F>
void ForEachRow(const Value& value, F f) {
  const int axis = arch::ChannelAxis(value.shape);
  const std::int64_t length = value.shape.dim(axis);
  const std::int64_t rows = value.shape.ElementCount() / length;
  const bool last = axis == value.shape.rank() - 1;
  for (std::int64_t n = 0; n < value.outer; ++n) {
    for (std::int64_t r = 0; r < rows; ++r) {
      f(last ? Row{(n * rows + r) * length, 1, length} : Row{n * rows * length + r, rows, length});
    }
  }
}

// log softmax(values / temperature) along a row
inline std::vector<double> LogSoftmax(const std::vector<double>& values, const Row& row,
                                      double temperature = 1) {
  std::vector<double> result(row.length);
  for (std::int64_t i = 0; i < row.length; ++i) result[i] = values[row(i)] / temperature;
  const double largest = *std::ranges::max_element(result);
  double sum = 0;
  for (const double value : result) sum += std::exp(value - largest);
  for (double& value : result) value -= largest + std::log(sum);
  return result;
}

}  // namespace graft::engine::reference

#endif  // GRAFT_COMMON_ENGINE_REFERENCE_ROWS_H_
