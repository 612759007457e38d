#include "common/engine/cpu/kernel.h"
#include "common/engine/cpu/loops.h"

namespace graft::engine::cpu {
namespace {

// Brings fed images [N, C, H, W] into [N, H, W, C].
class Input final : public Kernel {
 public:
  explicit Input(KernelContext& context)
      : node_(context.index),
        position_(arch::GetInt(context.node.attributes, "index")),
        extent_(context.extent(context.index)) {}

  absl::Status Forward(const Run& run) override {
    Transpose(static_cast<const float*>(run.inputs[position_]), run.count, extent_.channels,
              extent_.plane(), run.mutable_value(node_));
    return absl::OkStatus();
  }
  absl::Status Backward(const Run&) override { return absl::OkStatus(); }

 private:
  const arch::NodeIndex node_;
  const std::int64_t position_;
  const Extent extent_;
};

// [N, H, W, C] -> [N, C * H * W]
class Flatten final : public Kernel {
 public:
  explicit Flatten(KernelContext& context)
      : x_(context.operand(0)),
        y_(context.result),
        extent_(context.extent(x_)),
        use_(context.gradient_uses[0]) {
    if (use_ == GradientUse::kAdd) {
      context.NeedScratch(context.options.batch * extent_.elements() *
                          static_cast<std::int64_t>(sizeof(float)));
    }
  }

  absl::Status Forward(const Run& run) override {
    Transpose(run.value(x_), run.count, extent_.plane(), extent_.channels, run.mutable_value(y_));
    return absl::OkStatus();
  }

  absl::Status Backward(const Run& run) override {
    float* const to = use_ == GradientUse::kAdd ? run.scratch : run.gradient(x_);
    Transpose(run.gradient(y_), run.count, extent_.channels, extent_.plane(), to);
    if (use_ == GradientUse::kAdd) {
      Accumulate(to, run.count * extent_.elements(), run.gradient(x_));
    }
    return absl::OkStatus();
  }

 private:
  const arch::NodeIndex x_, y_;
  const Extent extent_;
  const GradientUse use_;
};

// Along the channels, which are innermost: row by row.
class Concat final : public Kernel {
 public:
  explicit Concat(KernelContext& context)
      : operands_(context.node.operands),
        y_(context.result),
        extent_(context.extent(y_)),
        uses_(context.gradient_uses) {
    for (const arch::NodeIndex operand : operands_) {
      channels_.push_back(context.extent(operand).channels);
    }
  }

  absl::Status Forward(const Run& run) override {
    std::int64_t offset = 0;
    for (std::size_t i = 0; i < operands_.size(); ++i) {
      const float* from = run.value(operands_[i]);
      float* to = run.mutable_value(y_) + offset;
      for (std::int64_t row = 0; row < run.count * extent_.plane(); ++row) {
        for (std::int64_t c = 0; c < channels_[i]; ++c) to[c] = from[c];
        from += channels_[i];
        to += extent_.channels;
      }
      offset += channels_[i];
    }
    return absl::OkStatus();
  }

  absl::Status Backward(const Run& run) override {
    std::int64_t offset = 0;
    for (std::size_t i = 0; i < operands_.size(); ++i) {
      const float* from = run.gradient(y_) + offset;
      float* to = run.gradient(operands_[i]);
      offset += channels_[i];
      if (uses_[i] == GradientUse::kNone) continue;
      const bool add = uses_[i] == GradientUse::kAdd;
      for (std::int64_t row = 0; row < run.count * extent_.plane(); ++row) {
        for (std::int64_t c = 0; c < channels_[i]; ++c) to[c] = add ? to[c] + from[c] : from[c];
        from += extent_.channels;
        to += channels_[i];
      }
    }
    return absl::OkStatus();
  }

 private:
  const std::vector<arch::NodeIndex> operands_;
  const arch::NodeIndex y_;
  const Extent extent_;
  const std::vector<GradientUse> uses_;
  std::vector<std::int64_t> channels_;
};

}  // namespace

std::unique_ptr<Kernel> MakeInput(KernelContext& context) {
  return std::make_unique<Input>(context);
}

std::unique_ptr<Kernel> MakeFlatten(KernelContext& context) {
  return std::make_unique<Flatten>(context);
}

std::unique_ptr<Kernel> MakeConcat(KernelContext& context) {
  return std::make_unique<Concat>(context);
}

}  // namespace graft::engine::cpu
