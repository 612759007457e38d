#include <algorithm>
#include <cmath>
#include <utility>

#include "common/engine/optimizers/optimizers.h"

namespace graft::engine {
namespace {

double Norm(const float* values, std::int64_t count) {
  double sum = 0;
  for (std::int64_t i = 0; i < count; ++i) sum += static_cast<double>(values[i]) * values[i];
  return std::sqrt(sum);
}

class Lamb final : public Optimizer {
 public:
  Lamb(const recipe::LambOptions& options, Segments segments, std::int64_t size)
      : options_(options),
        segments_(std::move(segments)),
        first_moment_(size),
        second_moment_(size),
        update_(size),
        correction_(options.beta1, options.beta2) {}

  void Step(float learning_rate, std::span<const float> gradients, std::span<float> parameters,
            float gradient_scale) override {
    correction_.Advance();
    for (const ParameterSegment& segment : segments_) {
      float* __restrict parameter = parameters.data() + segment.offset;
      float* __restrict update = update_.of(segment);
      ComputeUpdate(segment, gradients.data() + segment.offset, gradient_scale, parameter, update);
      const double parameter_norm = Norm(parameter, segment.count);
      const double update_norm = Norm(update, segment.count);
      const double ratio = parameter_norm > 0 && update_norm > 0 ? parameter_norm / update_norm : 1;
      const float rate = learning_rate * static_cast<float>(ratio);
      for (std::int64_t i = 0; i < segment.count; ++i) parameter[i] -= rate * update[i];
    }
  }

 private:
  void ComputeUpdate(const ParameterSegment& segment, const float* __restrict gradient,
                     float gradient_scale, const float* __restrict parameter,
                     float* __restrict update) {
    const auto beta1 = static_cast<float>(options_.beta1);
    const auto beta2 = static_cast<float>(options_.beta2);
    const auto epsilon = static_cast<float>(options_.epsilon);
    const float decay = DecayOf(segment, options_.weight_decay);
    const float correction1 = correction_.first();
    const float correction2 = correction_.second();
    float* __restrict first = first_moment_.of(segment);
    float* __restrict second = second_moment_.of(segment);
    for (std::int64_t i = 0; i < segment.count; ++i) {
      const float g = gradient_scale * gradient[i];
      const float m = beta1 * first[i] + (1 - beta1) * g;
      const float v = beta2 * second[i] + (1 - beta2) * (g * g);
      first[i] = m;
      second[i] = v;
      update[i] = m * correction1 / (std::sqrt(v * correction2) + epsilon) + decay * parameter[i];
    }
  }

  const recipe::LambOptions options_;
  const Segments segments_;
  StateBuffer first_moment_;
  StateBuffer second_moment_;
  StateBuffer update_;
  BiasCorrection correction_;
};

}  // namespace

std::unique_ptr<Optimizer> MakeLamb(const recipe::LambOptions& options, Segments segments,
                                    std::int64_t size) {
  return std::make_unique<Lamb>(options, std::move(segments), size);
}

}  // namespace graft::engine
