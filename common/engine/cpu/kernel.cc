#include "common/engine/cpu/kernel.h"

namespace graft::engine::cpu {

Extent ExtentOf(const arch::ValueType& type) {
  const tensor::Shape& shape = type.shape;
  if (type.batched && shape.rank() == 3) return {shape.dim(0), shape.dim(1), shape.dim(2)};
  if (shape.rank() == 2) return {.channels = shape.dim(1), .height = shape.dim(0)};
  return {.channels = shape.ElementCount()};
}

bool NeedsKernel(const arch::Node& node) {
  if (node.op->name == "parameter") return false;
  if (node.op->name != "input") return true;
  // Images of one channel or one pixel are channels-last as they are.
  const tensor::Shape& shape = node.type.shape;
  return node.type.batched && node.type.dtype == tensor::DType::kFloat32 && shape.rank() == 3 &&
         shape.dim(0) > 1 && shape.dim(1) * shape.dim(2) > 1;
}

}  // namespace graft::engine::cpu
