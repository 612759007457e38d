#include "common/engine/cpu/kernel.h"
#include "common/engine/cpu/loops.h"

namespace graft::engine::cpu {
namespace {

enum { kIds, kTable };

class Embedding final : public Kernel {
 public:
  explicit Embedding(KernelContext& context)
      : ids_(context.operand(kIds)),
        table_(context.operand(kTable)),
        y_(context.result),
        tokens_(context.shape(ids_).ElementCount()),
        units_(context.shape(table_).dim(1)),
        table_elements_(context.shape(table_).ElementCount()),
        use_(context.gradient_uses[kTable]) {}

  absl::Status Forward(const Run& run) override {
    const std::int32_t* const ids = run.ints(ids_);
    float* const y = run.mutable_value(y_);
    for (std::int64_t i = 0; i < run.count * tokens_; ++i) {
      Copy(run.value(table_) + ids[i] * units_, units_, y + i * units_);
    }
    return absl::OkStatus();
  }

  absl::Status Backward(const Run& run) override {
    const std::int32_t* const ids = run.ints(ids_);
    float* const gradient = run.gradient(table_);
    if (use_ == GradientUse::kWrite) std::fill_n(gradient, table_elements_, 0.0F);
    for (std::int64_t i = 0; i < run.count * tokens_; ++i) {
      Accumulate(run.gradient(y_) + i * units_, units_, gradient + ids[i] * units_);
    }
    return absl::OkStatus();
  }

 private:
  const arch::NodeIndex ids_, table_, y_;
  const std::int64_t tokens_, units_, table_elements_;
  const GradientUse use_;
};

}  // namespace

std::unique_ptr<Kernel> MakeEmbedding(KernelContext& context) {
  return std::make_unique<Embedding>(context);
}

}  // namespace graft::engine::cpu
