// y[c, i, j] = sum of the four pixels of x around the centre of pixel (i, j), by their weights;
// "nearest" has one of them.
#include <algorithm>
#include <cmath>

#include "common/engine/reference/kernel.h"

namespace graft::engine::reference {
namespace {

// Along one axis: x = (1 - weight) x[low] + weight x[high].
struct Tap {
  std::int64_t low, high;
  double weight;
};

Tap TapAt(std::int64_t i, std::int64_t factor, std::int64_t extent, bool bilinear) {
  if (!bilinear) return {i / factor, i / factor, 0};
  const double centre = (static_cast<double>(i) + 0.5) / static_cast<double>(factor) - 0.5;
  const double position = std::max(centre, 0.0);
  const auto low = static_cast<std::int64_t>(position);
  return {low, std::min(low + 1, extent - 1), position - static_cast<double>(low)};
}

// Calls f(y, x, weight) for every pixel of the result with each that it is made of.
template <typename F>
void ForEachTap(const Call& call, F f) {
  const tensor::Shape& x = call.operands[0]->shape;
  const tensor::Shape& y = call.result->shape;
  const std::vector<std::int64_t>& factors = arch::GetInts(call.node.attributes, "factors");
  const bool bilinear = arch::GetString(call.node.attributes, "mode") == "bilinear";
  std::int64_t out = 0;
  for (std::int64_t plane = 0; plane < call.result->outer * x.dim(0); ++plane) {
    for (std::int64_t i = 0; i < y.dim(1); ++i) {
      const Tap row = TapAt(i, factors[0], x.dim(1), bilinear);
      for (std::int64_t j = 0; j < y.dim(2); ++j, ++out) {
        const Tap column = TapAt(j, factors[1], x.dim(2), bilinear);
        const auto at = [&](std::int64_t r, std::int64_t c) {
          return (plane * x.dim(1) + r) * x.dim(2) + c;
        };
        f(out, at(row.low, column.low), (1 - row.weight) * (1 - column.weight));
        f(out, at(row.low, column.high), (1 - row.weight) * column.weight);
        f(out, at(row.high, column.low), row.weight * (1 - column.weight));
        f(out, at(row.high, column.high), row.weight * column.weight);
      }
    }
  }
}

void Forward(const Call& call) {
  call.result->data.assign(call.result->data.size(), 0.0);
  ForEachTap(call, [&](std::int64_t y, std::int64_t x, double weight) {
    call.result->data[y] += weight * call.operands[0]->data[x];
  });
}

void Backward(const Call& call) {
  ForEachTap(call, [&](std::int64_t y, std::int64_t x, double weight) {
    call.operands[0]->gradient[x] += weight * call.result->gradient[y];
  });
}

}  // namespace

const Kernel kUpsample = {Forward, Backward};

}  // namespace graft::engine::reference
