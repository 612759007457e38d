#include "common/engine/reference/kernel.h"

namespace graft::engine::reference {
namespace {

// [C, H, W] -> [C * H * W]: the same elements.
void FlattenForward(const Call& call) { call.result->data = call.operands[0]->data; }

void AddTo(const std::vector<double>& values, std::vector<double>& sum) {
  for (std::size_t i = 0; i < values.size(); ++i) sum[i] += values[i];
}

void AddForward(const Call& call) {
  call.result->data.assign(call.result->data.size(), 0.0);
  for (const Value* operand : call.operands) AddTo(operand->data, call.result->data);
}

// Each operand takes the whole gradient.
void PassBackward(const Call& call) {
  for (Value* operand : call.operands) AddTo(call.result->gradient, operand->gradient);
}

// Calls f(operand, in, out) for every element of each operand with its position in the result.
template <typename F>
void ForEachConcatenated(const Call& call, F f) {
  const std::int64_t stride = call.result->shape.ElementCount();
  std::int64_t offset = 0;
  for (Value* operand : call.operands) {
    const std::int64_t size = operand->shape.ElementCount();
    for (std::int64_t n = 0; n < operand->outer; ++n) {
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

const Kernel kFlatten = {FlattenForward, PassBackward};
const Kernel kAdd = {AddForward, PassBackward};
const Kernel kConcat = {ConcatForward, ConcatBackward};

}  // namespace graft::engine::reference
