// add and multiply. An operand that is smaller than the result is repeated: over the examples if it
// is not batched, over the positions if it has one element a channel, over all if it has one.
#include "common/engine/reference/kernel.h"

namespace graft::engine::reference {
namespace {

// Positions in an operand of the result's elements.
class Source {
 public:
  Source(const Value& operand, const Value& result)
      : example_(result.shape.ElementCount()),
        stride_(operand.outer == 1 ? 0 : operand.shape.ElementCount()),
        whole_(operand.shape == result.shape),
        channels_(operand.shape.rank() == 1 ? operand.shape.dim(0) : 0) {
    const int axis = arch::ChannelAxis(result.shape);
    for (int i = axis + 1; i < result.shape.rank(); ++i) inner_ *= result.shape.dim(i);
  }

  std::int64_t operator()(std::int64_t position) const {
    const std::int64_t within = position % example_;
    return position / example_ * stride_ + (whole_ ? within : within / inner_ % channels_);
  }

 private:
  const std::int64_t example_;
  const std::int64_t stride_;
  const bool whole_;
  const std::int64_t channels_;
  std::int64_t inner_ = 1;
};

void AddForward(const Call& call) {
  std::vector<double>& y = call.result->data;
  y.assign(y.size(), 0.0);
  for (const Value* operand : call.operands) {
    const Source source(*operand, *call.result);
    for (std::size_t i = 0; i < y.size(); ++i) y[i] += operand->data[source(i)];
  }
}

void AddBackward(const Call& call) {
  const std::vector<double>& dy = call.result->gradient;
  for (Value* operand : call.operands) {
    const Source source(*operand, *call.result);
    for (std::size_t i = 0; i < dy.size(); ++i) operand->gradient[source(i)] += dy[i];
  }
}

// The product at position i of all operands but the one at `left_out`.
double ProductWithout(const Call& call, std::size_t i, int left_out) {
  double product = 1;
  for (int k = 0; k < static_cast<int>(call.operands.size()); ++k) {
    if (k == left_out) continue;
    const Value& operand = *call.operands[k];
    product *= operand.data[Source(operand, *call.result)(i)];
  }
  return product;
}

void MultiplyForward(const Call& call) {
  std::vector<double>& y = call.result->data;
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = ProductWithout(call, i, /*left_out=*/-1);
}

void MultiplyBackward(const Call& call) {
  const std::vector<double>& dy = call.result->gradient;
  for (int k = 0; k < static_cast<int>(call.operands.size()); ++k) {
    Value& operand = *call.operands[k];
    const Source source(operand, *call.result);
    for (std::size_t i = 0; i < dy.size(); ++i) {
      operand.gradient[source(i)] += dy[i] * ProductWithout(call, i, k);
    }
  }
}

}  // namespace

const Kernel kAdd = {AddForward, AddBackward};
const Kernel kMultiply = {MultiplyForward, MultiplyBackward};

}  // namespace graft::engine::reference
