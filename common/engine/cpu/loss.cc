// Softmax cross-entropy in float functions whose bits do not depend on the processor.
#include <cmath>

#include "common/engine/cpu/kernel.h"

namespace graft::engine::cpu {
namespace {

enum { kLogits, kLabels };

class SoftmaxCrossEntropy final : public Kernel {
 public:
  explicit SoftmaxCrossEntropy(KernelContext& context)
      : logits_(context.operand(kLogits)),
        labels_(context.operand(kLabels)),
        y_(context.result),
        classes_(context.extent(logits_).channels),
        smoothing_(static_cast<float>(arch::GetDouble(context.node.attributes, "label_smoothing"))),
        use_(context.gradient_uses[kLogits]),
        probabilities_(context.Keep(context.options.batch * classes_ *
                                    static_cast<std::int64_t>(sizeof(float)))) {}

  absl::Status Forward(const Run& run) override {
    const float* logits = run.value(logits_);
    const std::int32_t* const labels = run.ints(labels_);
    float* probabilities = run.buffer<float>(probabilities_);
    double loss = 0;
    for (std::int64_t n = 0; n < run.count; ++n, logits += classes_, probabilities += classes_) {
      const float log_sum = Softmax(logits, probabilities);
      for (std::int64_t k = 0; k < classes_; ++k) {
        const float target = Target(labels[n], k);
        if (target != 0.0F) loss += static_cast<double>(target * (log_sum - logits[k]));
      }
    }
    run.mutable_value(y_)[0] = static_cast<float>(loss / static_cast<double>(run.count));
    return absl::OkStatus();
  }

  absl::Status Backward(const Run& run) override {
    const std::int32_t* const labels = run.ints(labels_);
    const float* probabilities = run.buffer<float>(probabilities_);
    const float factor = run.gradient(y_)[0] / static_cast<float>(run.count);
    float* gradient = run.gradient(logits_);
    for (std::int64_t n = 0; n < run.count; ++n) {
      for (std::int64_t k = 0; k < classes_; ++k, ++gradient, ++probabilities) {
        const float value = factor * (*probabilities - Target(labels[n], k));
        *gradient = use_ == GradientUse::kAdd ? *gradient + value : value;
      }
    }
    return absl::OkStatus();
  }

 private:
  // Of one example; returns log(sum(exp(logits))).
  float Softmax(const float* logits, float* probabilities) const {
    const float largest = *std::max_element(logits, logits + classes_);
    float sum = 0;
    for (std::int64_t k = 0; k < classes_; ++k) {
      probabilities[k] = std::exp(logits[k] - largest);
      sum += probabilities[k];
    }
    for (std::int64_t k = 0; k < classes_; ++k) probabilities[k] /= sum;
    return largest + std::log(sum);
  }

  float Target(std::int32_t label, std::int64_t k) const {
    return (label == k ? 1.0F - smoothing_ : 0.0F) + smoothing_ / static_cast<float>(classes_);
  }

  const arch::NodeIndex logits_, labels_, y_;
  const std::int64_t classes_;
  const float smoothing_;
  const GradientUse use_;
  const BufferId probabilities_;
};

}  // namespace

std::unique_ptr<Kernel> MakeSoftmaxCrossEntropy(KernelContext& context) {
  return std::make_unique<SoftmaxCrossEntropy>(context);
}

}  // namespace graft::engine::cpu
