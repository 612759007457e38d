#include <cmath>
#include <utility>

#include "common/engine/optimizers/optimizers.h"

namespace graft::engine {
namespace {

class AdaDelta final : public Optimizer {
 public:
  AdaDelta(const recipe::AdaDeltaOptions& options, Segments segments, std::int64_t size)
      : options_(options), segments_(std::move(segments)), squares_(size), updates_(size) {}

  void Step(float learning_rate, std::span<const float> gradients, std::span<float> parameters,
            float gradient_scale) override {
    const auto rho = static_cast<float>(options_.rho);
    const auto epsilon = static_cast<float>(options_.epsilon);
    for (const ParameterSegment& segment : segments_) {
      const float decay = DecayOf(segment, options_.weight_decay);
      const float* __restrict gradient = gradients.data() + segment.offset;
      float* __restrict parameter = parameters.data() + segment.offset;
      float* __restrict square = squares_.of(segment);
      float* __restrict accumulated = updates_.of(segment);
      for (std::int64_t i = 0; i < segment.count; ++i) {
        const float g = gradient_scale * gradient[i] + decay * parameter[i];
        const float s = rho * square[i] + (1 - rho) * (g * g);
        const float u = std::sqrt(accumulated[i] + epsilon) / std::sqrt(s + epsilon) * g;
        square[i] = s;
        accumulated[i] = rho * accumulated[i] + (1 - rho) * (u * u);
        parameter[i] -= learning_rate * u;
      }
    }
  }

 private:
  const recipe::AdaDeltaOptions options_;
  const Segments segments_;
  StateBuffer squares_;  // running mean of squared gradients
  StateBuffer updates_;  // running mean of squared updates
};

}  // namespace

std::unique_ptr<Optimizer> MakeAdaDelta(const recipe::AdaDeltaOptions& options, Segments segments,
                                        std::int64_t size) {
  return std::make_unique<AdaDelta>(options, std::move(segments), size);
}

}  // namespace graft::engine
