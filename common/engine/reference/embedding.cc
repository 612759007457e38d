// y[n, t] = table[ids[n, t]]
#include "common/engine/reference/kernel.h"

namespace graft::engine::reference {
namespace {

enum { kIds, kTable };

// Calls f(y, table) with the positions of every element of the result and of the one it is from.
template <typename F>
void ForEachElement(const Call& call, F f) {
  const std::vector<double>& ids = call.operands[kIds]->data;
  const std::int64_t units = call.operands[kTable]->shape.dim(1);
  for (std::size_t token = 0; token < ids.size(); ++token) {
    const auto row = static_cast<std::int64_t>(ids[token]);
    for (std::int64_t i = 0; i < units; ++i) {
      f(static_cast<std::int64_t>(token) * units + i, row * units + i);
    }
  }
}

void Forward(const Call& call) {
  ForEachElement(call, [&](std::int64_t y, std::int64_t entry) {
    call.result->data[y] = call.operands[kTable]->data[entry];
  });
}

void Backward(const Call& call) {
  ForEachElement(call, [&](std::int64_t y, std::int64_t entry) {
    call.operands[kTable]->gradient[entry] += call.result->gradient[y];
  });
}

}  // namespace

const Kernel kEmbedding = {Forward, Backward};

}  // namespace graft::engine::reference
