// Operators whose result has the operand's elements in other places, and zeros.
#include <array>

#include "common/engine/reference/kernel.h"

namespace graft::engine::reference {
namespace {

using Position = std::array<std::int64_t, tensor::Shape::kMaxRank>;
using Ints = std::vector<std::int64_t>;

std::int64_t Flatten(const tensor::Shape& shape, const Position& position) {
  std::int64_t flat = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) flat = flat * shape.dim(axis) + position[axis];
  return flat;
}

Position Unflatten(const tensor::Shape& shape, std::int64_t flat) {
  Position position{};
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    position[axis] = flat % shape.dim(axis);
    flat /= shape.dim(axis);
  }
  return position;
}

// Each gives the position in the operand of an element of the result; negative: it is zero.

std::int64_t SliceSource(const Call& call, std::int64_t element) {
  Position position = Unflatten(call.result->shape, element);
  position[arch::GetInt(call.node.attributes, "axis")] +=
      arch::GetInt(call.node.attributes, "start");
  return Flatten(call.operands[0]->shape, position);
}

std::int64_t PadSource(const Call& call, std::int64_t element) {
  const tensor::Shape& shape = call.operands[0]->shape;
  const Ints& before = arch::GetInts(call.node.attributes, "before");
  Position position = Unflatten(call.result->shape, element);
  for (int axis = 0; axis < shape.rank(); ++axis) {
    position[axis] -= before[axis];
    if (position[axis] < 0 || position[axis] >= shape.dim(axis)) return -1;
  }
  return Flatten(shape, position);
}

std::int64_t TransposeSource(const Call& call, std::int64_t element) {
  const Ints& permutation = arch::GetInts(call.node.attributes, "permutation");
  const Position position = Unflatten(call.result->shape, element);
  Position source{};
  for (std::size_t axis = 0; axis < permutation.size(); ++axis) {
    source[permutation[axis]] = position[axis];
  }
  return Flatten(call.operands[0]->shape, source);
}

// [C, H, W] -> [H * W, C]
std::int64_t TokensSource(const Call& call, std::int64_t element) {
  const tensor::Shape& y = call.result->shape;
  return element % y.dim(1) * y.dim(0) + element / y.dim(1);
}

// [H * W, C] -> [C, H, W]
std::int64_t FeatureMapSource(const Call& call, std::int64_t element) {
  const tensor::Shape& x = call.operands[0]->shape;
  return element % x.dim(0) * x.dim(1) + element / x.dim(0);
}

std::int64_t FlattenSource(const Call&, std::int64_t element) { return element; }

// Calls f(y, x) for each element of the result that comes from the operand.
template <typename Source, typename F>
void ForEachMoved(const Call& call, Source source, F f) {
  const std::int64_t size = call.result->shape.ElementCount();
  const std::int64_t operand_size = call.operands[0]->shape.ElementCount();
  for (std::int64_t n = 0; n < call.result->outer; ++n) {
    for (std::int64_t i = 0; i < size; ++i) {
      const std::int64_t from = source(call, i);
      if (from >= 0) f(n * size + i, n * operand_size + from);
    }
  }
}

template <std::int64_t (*source)(const Call&, std::int64_t)>
constexpr Kernel kMoving = {[](const Call& call) {
                              call.result->data.assign(call.result->data.size(), 0.0);
                              ForEachMoved(call, source, [&](std::int64_t y, std::int64_t x) {
                                call.result->data[y] = call.operands[0]->data[x];
                              });
                            },
                            [](const Call& call) {
                              ForEachMoved(call, source, [&](std::int64_t y, std::int64_t x) {
                                call.operands[0]->gradient[x] += call.result->gradient[y];
                              });
                            }};

}  // namespace

const Kernel kFlatten = kMoving<FlattenSource>;
const Kernel kSlice = kMoving<SliceSource>;
const Kernel kPad = kMoving<PadSource>;
const Kernel kTranspose = kMoving<TransposeSource>;
const Kernel kTokens = kMoving<TokensSource>;
const Kernel kFeatureMap = kMoving<FeatureMapSource>;

}  // namespace graft::engine::reference
