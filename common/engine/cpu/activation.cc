#include "common/engine/cpu/kernel.h"
#include "common/engine/cpu/loops.h"
#include "common/engine/cpu/simd.h"
#include "common/engine/dropout.h"

namespace graft::engine::cpu {
namespace {

// y = max(x, 0); a NaN stays.
GRAFT_SIMD void ReluForward(const float* __restrict x, std::int64_t size, float* __restrict y) {
  for (std::int64_t i = 0; i < size; ++i) y[i] = x[i] < 0.0F ? 0.0F : x[i];
}

GRAFT_SIMD void ReluBackward(const float* __restrict y, const float* __restrict dy,
                             std::int64_t size, float* __restrict dx) {
  for (std::int64_t i = 0; i < size; ++i) dx[i] = y[i] > 0.0F ? dy[i] : 0.0F;
}

GRAFT_SIMD void ReluBackwardAdd(const float* __restrict y, const float* __restrict dy,
                                std::int64_t size, float* __restrict dx) {
  for (std::int64_t i = 0; i < size; ++i) dx[i] += y[i] > 0.0F ? dy[i] : 0.0F;
}

class Relu final : public Kernel {
 public:
  explicit Relu(KernelContext& context)
      : x_(context.operand(0)),
        y_(context.result),
        elements_(context.extent(x_).elements()),
        use_(context.gradient_uses[0]) {}

  absl::Status Forward(const Run& run) override {
    ReluForward(run.value(x_), run.count * elements_, run.mutable_value(y_));
    return absl::OkStatus();
  }

  absl::Status Backward(const Run& run) override {
    const auto backward = use_ == GradientUse::kAdd ? ReluBackwardAdd : ReluBackward;
    backward(run.value(y_), run.gradient(y_), run.count * elements_, run.gradient(x_));
    return absl::OkStatus();
  }

 private:
  const arch::NodeIndex x_, y_;
  const std::int64_t elements_;
  const GradientUse use_;
};

GRAFT_SIMD void Mask(const float* __restrict x, const float* __restrict factors, std::int64_t size,
                     float* __restrict y) {
  for (std::int64_t i = 0; i < size; ++i) y[i] = factors[i] * x[i];
}

GRAFT_SIMD void MaskAdd(const float* __restrict x, const float* __restrict factors,
                        std::int64_t size, float* __restrict y) {
  for (std::int64_t i = 0; i < size; ++i) y[i] += factors[i] * x[i];
}

// The mask is drawn in plain order and kept, as factors, in the order of the value.
class Dropout final : public Kernel {
 public:
  explicit Dropout(KernelContext& context)
      : x_(context.operand(0)),
        y_(context.result),
        extent_(context.extent(x_)),
        rate_(arch::GetDouble(context.node.attributes, "rate")),
        use_(context.gradient_uses[0]),
        factors_(context.Keep(context.options.batch * extent_.elements() *
                              static_cast<std::int64_t>(sizeof(float)))) {
    context.NeedScratch(context.options.batch * extent_.elements() *
                        static_cast<std::int64_t>(sizeof(float) + 1));
  }

  absl::Status Forward(const Run& run) override {
    const std::int64_t size = run.count * extent_.elements();
    if (run.mode == Mode::kInference) {
      Copy(run.value(x_), size, run.mutable_value(y_));
      return absl::OkStatus();
    }
    DrawFactors(run, size);
    Mask(run.value(x_), run.buffer<float>(factors_), size, run.mutable_value(y_));
    return absl::OkStatus();
  }

  absl::Status Backward(const Run& run) override {
    const auto backward = use_ == GradientUse::kAdd ? MaskAdd : Mask;
    backward(run.gradient(y_), run.buffer<float>(factors_), run.count * extent_.elements(),
             run.gradient(x_));
    return absl::OkStatus();
  }

 private:
  void DrawFactors(const Run& run, std::int64_t size) {
    float* const plain = run.scratch;
    auto* const keep = reinterpret_cast<std::uint8_t*>(run.scratch + size);
    DropoutMask(run.step_seed, y_, rate_, {keep, static_cast<std::size_t>(size)});
    const float scale = DropoutScale(rate_);
    for (std::int64_t i = 0; i < size; ++i) plain[i] = keep[i] != 0 ? scale : 0.0F;
    Transpose(plain, run.count, extent_.channels, extent_.plane(), run.buffer<float>(factors_));
  }

  const arch::NodeIndex x_, y_;
  const Extent extent_;
  const double rate_;
  const GradientUse use_;
  const BufferId factors_;
};

}  // namespace

std::unique_ptr<Kernel> MakeRelu(KernelContext& context) { return std::make_unique<Relu>(context); }

std::unique_ptr<Kernel> MakeDropout(KernelContext& context) {
  return std::make_unique<Dropout>(context);
}

}  // namespace graft::engine::cpu
