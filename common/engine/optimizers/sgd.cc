#include <cstddef>
#include <utility>

#include "common/engine/optimizers/optimizers.h"

namespace graft::engine {
namespace {

class Sgd final : public Optimizer {
 public:
  Sgd(const recipe::SgdOptions& options, Segments segments, std::int64_t size)
      : options_(options), segments_(std::move(segments)), velocity_(size) {}

  void Step(float learning_rate, std::span<const float> gradients, std::span<float> parameters,
            float gradient_scale) override {
    const auto momentum = static_cast<float>(options_.momentum);
    // g enters the step with weight 1 beside momentum v (Nesterov) or is within v alone.
    const float direct = options_.nesterov ? 1.0F : 0.0F;
    const float carried = options_.nesterov ? momentum : 1.0F;
    for (const ParameterSegment& segment : segments_) {
      const float decay = DecayOf(segment, options_.weight_decay);
      const float* __restrict gradient = gradients.data() + segment.offset;
      float* __restrict parameter = parameters.data() + segment.offset;
      float* __restrict velocity = velocity_.of(segment);
      for (std::int64_t i = 0; i < segment.count; ++i) {
        const float g = gradient_scale * gradient[i] + decay * parameter[i];
        const float v = momentum * velocity[i] + g;
        velocity[i] = v;
        parameter[i] -= learning_rate * (direct * g + carried * v);
      }
    }
  }

 private:
  const recipe::SgdOptions options_;
  const Segments segments_;
  StateBuffer velocity_;
};

}  // namespace

std::unique_ptr<Optimizer> MakeSgd(const recipe::SgdOptions& options, Segments segments,
                                   std::int64_t size) {
  return std::make_unique<Sgd>(options, std::move(segments), size);
}

}  // namespace graft::engine
