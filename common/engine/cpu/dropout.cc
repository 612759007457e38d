// dropout and drop_path: the value times factors 0 or 1 / (1 - rate).
#include "common/engine/dropout.h"

#include "common/engine/cpu/kernel.h"
#include "common/engine/cpu/loops.h"
#include "common/engine/cpu/parallel.h"
#include "common/engine/cpu/simd.h"

namespace graft::engine::cpu {
namespace {

// y = factors x, each factor for `repeats` elements; added to y if `add`. May work in place.
GRAFT_SIMD void Mask(const float* x, const float* __restrict factors, std::int64_t draws,
                     std::int64_t repeats, bool add, float* y) {
  if (repeats == 1) {
#pragma GCC ivdep
    for (std::int64_t i = 0; i < draws; ++i) {
      const float value = factors[i] * x[i];
      y[i] = add ? y[i] + value : value;
    }
    return;
  }
  for (std::int64_t draw = 0; draw < draws; ++draw, x += repeats, y += repeats) {
    const float factor = factors[draw];
#pragma GCC ivdep
    for (std::int64_t i = 0; i < repeats; ++i) {
      const float value = factor * x[i];
      y[i] = add ? y[i] + value : value;
    }
  }
}

// The mask is drawn in plain order and kept, as factors, in the order of the value.
class Dropping final : public Kernel {
 public:
  explicit Dropping(KernelContext& context)
      : x_(context.operand(0)),
        y_(context.result),
        extent_(context.extent(x_)),
        transposed_(context.channels_last(x_)),
        whole_examples_(context.node.op->name == "drop_path"),
        rate_(arch::GetDouble(context.node.attributes, "rate")),
        use_(context.gradient_uses[0]),
        factors_(
            context.Keep(Draws(context.options.batch) * static_cast<std::int64_t>(sizeof(float)))) {
    context.NeedScratch(Draws(context.options.batch) *
                        static_cast<std::int64_t>(sizeof(float) + 1));
  }

  absl::Status Forward(const Run& run) override {
    if (run.mode == Mode::kInference) {
      Copy(run.value(x_), run.count * extent_.elements(), run.mutable_value(y_));
      return absl::OkStatus();
    }
    DrawFactors(run);
    MaskAll(run, run.value(x_), /*add=*/false, run.mutable_value(y_));
    return absl::OkStatus();
  }

  absl::Status Backward(const Run& run) override {
    MaskAll(run, run.gradient(y_), use_ == GradientUse::kAdd, run.gradient(x_));
    return absl::OkStatus();
  }

 private:
  std::int64_t Draws(std::int64_t count) const {
    return whole_examples_ ? count : count * extent_.elements();
  }
  std::int64_t Repeats() const { return whole_examples_ ? extent_.elements() : 1; }

  void MaskAll(const Run& run, const float* x, bool add, float* y) const {
    const float* const factors = run.buffer<float>(factors_);
    const std::int64_t draws = Draws(run.count);
    ForEachPart(draws, draws * Repeats(), [&](std::int64_t first, std::int64_t count) {
      const std::int64_t start = first * Repeats();
      Mask(x + start, factors + first, count, Repeats(), add, y + start);
    });
  }

  void DrawFactors(const Run& run) {
    const std::int64_t draws = Draws(run.count);
    const bool moves = transposed_ && !whole_examples_;
    float* const factors = run.buffer<float>(factors_);
    float* const plain = moves ? run.scratch : factors;
    auto* const keep = reinterpret_cast<std::uint8_t*>(run.scratch + draws);
    DropoutMask(run.step_seed, y_, rate_, {keep, static_cast<std::size_t>(draws)});
    const float scale = DropoutScale(rate_);
    for (std::int64_t i = 0; i < draws; ++i) plain[i] = keep[i] != 0 ? scale : 0.0F;
    if (moves) Transpose(plain, run.count, extent_.channels, extent_.plane(), factors);
  }

  const arch::NodeIndex x_, y_;
  const Extent extent_;
  const bool transposed_;
  const bool whole_examples_;
  const double rate_;
  const GradientUse use_;
  const BufferId factors_;
};

}  // namespace

std::unique_ptr<Kernel> MakeDropout(KernelContext& context) {
  return std::make_unique<Dropping>(context);
}

}  // namespace graft::engine::cpu
