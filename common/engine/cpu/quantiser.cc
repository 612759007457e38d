#include "common/engine/quantiser.h"

#include "common/engine/cpu/kernel.h"
#include "common/engine/cpu/loops.h"
#include "common/engine/cpu/simd.h"

namespace graft::engine::cpu {
namespace {

GRAFT_SIMD void SignOf(const float* __restrict x, std::int64_t size, float* __restrict y) {
  for (std::int64_t i = 0; i < size; ++i) y[i] = x[i] >= 0.0F ? 1.0F : -1.0F;
}

GRAFT_SIMD void PassWithinOne(const float* __restrict x, const float* __restrict dy,
                              std::int64_t size, bool add, float* __restrict dx) {
  for (std::int64_t i = 0; i < size; ++i) {
    const float value = ((x[i] >= -1.0F) & (x[i] <= 1.0F)) ? dy[i] : 0.0F;
    dx[i] = add ? dx[i] + value : value;
  }
}

class Quantiser : public Kernel {
 public:
  explicit Quantiser(KernelContext& context)
      : x_(context.operand(0)),
        y_(context.result),
        use_(context.gradient_uses[0]),
        batched_(context.batched(x_)),
        elements_(context.shape(x_).ElementCount()) {}

 protected:
  std::int64_t Size(const Run& run) const { return run.outer(batched_) * elements_; }

  const arch::NodeIndex x_, y_;
  const GradientUse use_;

 private:
  const bool batched_;
  const std::int64_t elements_;
};

class Sign final : public Quantiser {
 public:
  using Quantiser::Quantiser;

  absl::Status Forward(const Run& run) override {
    SignOf(run.value(x_), Size(run), run.mutable_value(y_));
    return absl::OkStatus();
  }
  absl::Status Backward(const Run& run) override {
    PassWithinOne(run.value(x_), run.gradient(y_), Size(run), use_ == GradientUse::kAdd,
                  run.gradient(x_));
    return absl::OkStatus();
  }
};

class PowerOfTwo final : public Quantiser {
 public:
  explicit PowerOfTwo(KernelContext& context)
      : Quantiser(context),
        minimum_(static_cast<int>(arch::GetInt(context.node.attributes, "min_exponent"))),
        maximum_(static_cast<int>(arch::GetInt(context.node.attributes, "max_exponent"))) {}

  absl::Status Forward(const Run& run) override {
    const float* const x = run.value(x_);
    float* const y = run.mutable_value(y_);
    const std::int64_t size = Size(run);
    for (std::int64_t i = 0; i < size; ++i) y[i] = NearestPowerOfTwo(x[i], minimum_, maximum_);
    return absl::OkStatus();
  }
  absl::Status Backward(const Run& run) override {
    PassGradient(use_, run.gradient(y_), Size(run), run.gradient(x_));
    return absl::OkStatus();
  }

 private:
  const int minimum_, maximum_;
};

}  // namespace

std::unique_ptr<Kernel> MakeSign(KernelContext& context) { return std::make_unique<Sign>(context); }

std::unique_ptr<Kernel> MakePowerOfTwo(KernelContext& context) {
  return std::make_unique<PowerOfTwo>(context);
}

}  // namespace graft::engine::cpu
