#include "common/engine/reference/kernel.h"

namespace graft::engine::reference {
namespace {

// Calls f(operand, in, out) for every element of each operand with its position in the result. All
// have the axes outside their channels in common.
template <typename F>
void ForEachConcatenated(const Call& call, F f) {
  const tensor::Shape& result = call.result->shape;
  const int axis = arch::ChannelAxis(result);
  std::int64_t inner = 1;
  for (int i = axis + 1; i < result.rank(); ++i) inner *= result.dim(i);
  const std::int64_t stride = result.dim(axis) * inner;
  const auto rows = static_cast<std::int64_t>(call.result->data.size()) / stride;
  std::int64_t offset = 0;
  for (Value* operand : call.operands) {
    const std::int64_t size = operand->shape.dim(axis) * inner;
    for (std::int64_t n = 0; n < rows; ++n) {
      for (std::int64_t i = 0; i < size; ++i) f(*operand, n * size + i, n * stride + offset + i);
    }
    offset += size;
  }
}

void ConcatForward(const Call& call) {
  ForEachConcatenated(call, [&](const Value& operand, std::int64_t in, std::int64_t out) {
    call.result->data[out] = operand.data[in];
  });
}

void ConcatBackward(const Call& call) {
  ForEachConcatenated(call, [&](Value& operand, std::int64_t in, std::int64_t out) {
    operand.gradient[in] += call.result->gradient[out];
  });
}

}  // namespace

const Kernel kConcat = {ConcatForward, ConcatBackward};

}  // namespace graft::engine::reference
