#include <cmath>
#include <limits>

#include "common/engine/reference/kernel.h"
#include "common/engine/reference/window.h"

namespace graft::engine::reference {
namespace {

// The window of a pooling node; a global one covers the whole operand.
Window WindowOf(const Call& call) {
  const tensor::Shape& x = call.operands[0]->shape;
  if (call.node.attributes.contains("kernel")) {
    return Window(arch::GetInts(call.node.attributes, "kernel"), call.node.attributes, x);
  }
  const arch::Attributes whole = {{"strides", std::vector<std::int64_t>{1, 1}},
                                  {"padding", std::vector<std::int64_t>{0, 0, 0, 0}}};
  return Window(x.dims().subspan(1), whole, x);
}

// Calls f(out, channel, window, i, j): the position in the result, the position of its channel in
// the operand, and row and column of the result.
template <typename F>
void ForEachResult(const Call& call, F f) {
  const Value& x = *call.operands[0];
  const tensor::Shape& y = call.result->shape;
  const Window window = WindowOf(call);
  const std::int64_t rows = y.rank() == 3 ? y.dim(1) : 1;
  const std::int64_t columns = y.rank() == 3 ? y.dim(2) : 1;
  std::int64_t out = 0;
  for (std::int64_t plane = 0; plane < x.outer * x.shape.dim(0); ++plane) {
    const std::int64_t channel = plane * window.height * window.width;
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < columns; ++j) f(out++, channel, window, i, j);
    }
  }
}

// Position in x of the largest element of a window: the first one of equal ones; a NaN wins.
std::int64_t Largest(const Value& x, std::int64_t channel, const Window& window, std::int64_t i,
                     std::int64_t j) {
  double largest = -std::numeric_limits<double>::infinity();
  std::int64_t position = -1;
  window.ForEachTap(i, j, [&](std::int64_t, std::int64_t, std::int64_t tap) {
    const double value = x.data[channel + tap];
    if (position >= 0 && !(value > largest) && !std::isnan(value)) return;
    largest = value;
    position = channel + tap;
  });
  return position;
}

void MaxForward(const Call& call) {
  const Value& x = *call.operands[0];
  ForEachResult(call, [&](std::int64_t out, std::int64_t channel, const Window& window,
                          std::int64_t i, std::int64_t j) {
    call.result->data[out] = x.data[Largest(x, channel, window, i, j)];
  });
}

void MaxBackward(const Call& call) {
  Value& x = *call.operands[0];
  ForEachResult(call, [&](std::int64_t out, std::int64_t channel, const Window& window,
                          std::int64_t i, std::int64_t j) {
    x.gradient[Largest(x, channel, window, i, j)] += call.result->gradient[out];
  });
}

// Taps on the operand alone: padding does not count.
std::int64_t TapCount(const Window& window, std::int64_t i, std::int64_t j) {
  std::int64_t taps = 0;
  window.ForEachTap(i, j, [&](std::int64_t, std::int64_t, std::int64_t) { ++taps; });
  return taps;
}

void AverageForward(const Call& call) {
  const Value& x = *call.operands[0];
  ForEachResult(call, [&](std::int64_t out, std::int64_t channel, const Window& window,
                          std::int64_t i, std::int64_t j) {
    double sum = 0;
    window.ForEachTap(
        i, j, [&](std::int64_t, std::int64_t, std::int64_t tap) { sum += x.data[channel + tap]; });
    call.result->data[out] = sum / static_cast<double>(TapCount(window, i, j));
  });
}

void AverageBackward(const Call& call) {
  Value& x = *call.operands[0];
  ForEachResult(call, [&](std::int64_t out, std::int64_t channel, const Window& window,
                          std::int64_t i, std::int64_t j) {
    const double share = call.result->gradient[out] / static_cast<double>(TapCount(window, i, j));
    window.ForEachTap(i, j, [&](std::int64_t, std::int64_t, std::int64_t tap) {
      x.gradient[channel + tap] += share;
    });
  });
}

}  // namespace

const Kernel kMaxPool = {MaxForward, MaxBackward};
const Kernel kAveragePool = {AverageForward, AverageBackward};
const Kernel kGlobalMaxPool = {MaxForward, MaxBackward};
const Kernel kGlobalAveragePool = {AverageForward, AverageBackward};

}  // namespace graft::engine::reference
