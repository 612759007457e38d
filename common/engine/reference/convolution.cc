// y[n, o, i, j] = bias[o] + sum over c, kh, kw of weight[o, c, kh, kw]
//   x[n, g C / G + c, i stride_h - top + kh dilation_h, j stride_w - left + kw dilation_w],
// with g = o G / O the group of o and c < C / G.
#include "common/engine/reference/kernel.h"
#include "common/engine/reference/window.h"

namespace graft::engine::reference {
namespace {

enum { kX, kWeight, kBias };

// Calls f(y, x, w) with the positions in the result, operand and weight of every product.
template <typename F>
void ForEachProduct(const Call& call, F f) {
  const Value& x = *call.operands[kX];
  const tensor::Shape& weight = call.operands[kWeight]->shape;
  const tensor::Shape& y = call.result->shape;
  const Window window(weight.dims().subspan(2), call.node.attributes, x.shape);
  const std::int64_t plane = window.height * window.width;
  const std::int64_t taps = window.kernel_height * window.kernel_width;
  const std::int64_t filters_per_group = y.dim(0) / arch::GetInt(call.node.attributes, "groups");
  for (std::int64_t n = 0; n < x.outer; ++n) {
    for (std::int64_t o = 0; o < y.dim(0); ++o) {
      for (std::int64_t i = 0; i < y.dim(1); ++i) {
        for (std::int64_t j = 0; j < y.dim(2); ++j) {
          const std::int64_t out = ((n * y.dim(0) + o) * y.dim(1) + i) * y.dim(2) + j;
          for (std::int64_t c = 0; c < weight.dim(1); ++c) {
            const std::int64_t group = o / filters_per_group;
            const std::int64_t channel = (n * x.shape.dim(0) + group * weight.dim(1) + c) * plane;
            const std::int64_t filter = (o * weight.dim(1) + c) * taps;
            window.ForEachTap(i, j, [&](std::int64_t kh, std::int64_t kw, std::int64_t position) {
              f(out, channel + position, filter + kh * window.kernel_width + kw);
            });
          }
        }
      }
    }
  }
}

// Calls f(y, o) for every element of the result with its channel.
template <typename F>
void ForEachResult(const Call& call, F f) {
  const std::int64_t channels = call.result->shape.dim(0);
  const std::int64_t plane = call.result->shape.ElementCount() / channels;
  for (std::size_t y = 0; y < call.result->data.size(); ++y) {
    f(y, static_cast<std::int64_t>(y) / plane % channels);
  }
}

void Forward(const Call& call) {
  std::vector<double>& y = call.result->data;
  const bool has_bias = call.operands.size() > kBias;
  ForEachResult(call, [&](std::size_t out, std::int64_t o) {
    y[out] = has_bias ? call.operands[kBias]->data[o] : 0.0;
  });
  const std::vector<double>& x = call.operands[kX]->data;
  const std::vector<double>& weight = call.operands[kWeight]->data;
  ForEachProduct(call, [&](std::int64_t out, std::int64_t in, std::int64_t w) {
    y[out] += weight[w] * x[in];
  });
}

void Backward(const Call& call) {
  const std::vector<double>& dy = call.result->gradient;
  Value& x = *call.operands[kX];
  Value& weight = *call.operands[kWeight];
  ForEachProduct(call, [&](std::int64_t out, std::int64_t in, std::int64_t w) {
    x.gradient[in] += weight.data[w] * dy[out];
    weight.gradient[w] += x.data[in] * dy[out];
  });
  if (call.operands.size() <= kBias) return;
  ForEachResult(
      call, [&](std::size_t out, std::int64_t o) { call.operands[kBias]->gradient[o] += dy[out]; });
}

}  // namespace

const Kernel kConvolution = {Forward, Backward};

}  // namespace graft::engine::reference
