#include "common/engine/optimizer.h"

#include <cmath>
#include <limits>
#include <utility>
#include <variant>

#include "common/base/check.h"
#include "common/engine/optimizers/optimizers.h"

namespace graft::engine {

StateBuffer::StateBuffer(std::int64_t size)
    : buffer_(tensor::Tensor::Zeros(tensor::DType::kFloat32, tensor::Shape({size}))) {}

std::vector<ParameterSegment> TrainableSegments(const arch::Architecture& architecture,
                                                const ParameterLayout& layout,
                                                recipe::WeightDecayMask mask) {
  std::vector<ParameterSegment> segments;
  for (const ParameterLayout::Slot& slot : layout.slots()) {
    if (!slot.trainable) continue;
    const tensor::Shape& shape = architecture.node(slot.node).type.shape;
    const bool matrix = shape.rank() >= 2;
    segments.push_back({.offset = slot.offset,
                        .count = slot.count,
                        .rows = matrix ? shape.dim(0) : 0,
                        .decays = matrix || mask == recipe::WeightDecayMask::kAll});
  }
  return segments;
}

std::unique_ptr<Optimizer> MakeOptimizer(const recipe::OptimizerOptions& options,
                                         std::vector<ParameterSegment> segments,
                                         std::int64_t size) {
  for (const ParameterSegment& segment : segments) {
    GRAFT_CHECK(segment.offset >= 0 && segment.count >= 0 && segment.offset + segment.count <= size)
        << segment.offset << " " << segment.count << " in " << size;
  }
  struct Maker {
    std::unique_ptr<Optimizer> operator()(const recipe::SgdOptions& o) {
      return MakeSgd(o, parts, size);
    }
    std::unique_ptr<Optimizer> operator()(const recipe::AdamOptions& o) {
      return MakeAdam(o, parts, size);
    }
    std::unique_ptr<Optimizer> operator()(const recipe::LambOptions& o) {
      return MakeLamb(o, parts, size);
    }
    std::unique_ptr<Optimizer> operator()(const recipe::AdaDeltaOptions& o) {
      return MakeAdaDelta(o, parts, size);
    }
    std::unique_ptr<Optimizer> operator()(const recipe::MuonOptions& o) {
      return MakeMuon(o, parts, size);
    }
    std::vector<ParameterSegment> parts;
    std::int64_t size;
  };
  return std::visit(Maker{std::move(segments), size}, options);
}

float ClippingScale(std::span<const ParameterSegment> segments, std::span<const float> gradients,
                    float max_norm) {
  double sum = 0;
  for (const ParameterSegment& segment : segments) {
    for (const float gradient : gradients.subspan(segment.offset, segment.count)) {
      sum += static_cast<double>(gradient) * gradient;
    }
  }
  const double norm = std::sqrt(sum);
  if (!std::isfinite(norm)) return std::numeric_limits<float>::quiet_NaN();
  return norm <= max_norm ? 1.0F : static_cast<float>(max_norm / norm);
}

}  // namespace graft::engine
