#include <cmath>
#include <utility>

#include "common/engine/optimizers/optimizers.h"

namespace graft::engine {
namespace {

class Adam final : public Optimizer {
 public:
  Adam(const recipe::AdamOptions& options, Segments segments, std::int64_t size)
      : options_(options),
        segments_(std::move(segments)),
        first_moment_(size),
        second_moment_(size),
        correction_(options.beta1, options.beta2) {}

  void Step(float learning_rate, std::span<const float> gradients, std::span<float> parameters,
            float gradient_scale) override {
    correction_.Advance();
    const auto beta1 = static_cast<float>(options_.beta1);
    const auto beta2 = static_cast<float>(options_.beta2);
    const auto epsilon = static_cast<float>(options_.epsilon);
    const float rate = learning_rate * correction_.first();
    const float correction = correction_.second();
    for (const ParameterSegment& segment : segments_) {
      const float decay = DecayOf(segment, options_.weight_decay);
      const float l2 = options_.decoupled ? 0 : decay;
      const float keep = options_.decoupled ? 1 - learning_rate * decay : 1;
      const float* __restrict gradient = gradients.data() + segment.offset;
      float* __restrict parameter = parameters.data() + segment.offset;
      float* __restrict first = first_moment_.of(segment);
      float* __restrict second = second_moment_.of(segment);
      for (std::int64_t i = 0; i < segment.count; ++i) {
        const float g = gradient_scale * gradient[i] + l2 * parameter[i];
        const float m = beta1 * first[i] + (1 - beta1) * g;
        const float v = beta2 * second[i] + (1 - beta2) * (g * g);
        first[i] = m;
        second[i] = v;
        parameter[i] = keep * parameter[i] - rate * m / (std::sqrt(v * correction) + epsilon);
      }
    }
  }

 private:
  const recipe::AdamOptions options_;
  const Segments segments_;
  StateBuffer first_moment_;
  StateBuffer second_moment_;
  BiasCorrection correction_;
};

}  // namespace

std::unique_ptr<Optimizer> MakeAdam(const recipe::AdamOptions& options, Segments segments,
                                    std::int64_t size) {
  return std::make_unique<Adam>(options, std::move(segments), size);
}

}  // namespace graft::engine
