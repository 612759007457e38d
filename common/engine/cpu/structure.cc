#include <cstring>

#include "common/engine/cpu/kernel.h"
#include "common/engine/cpu/loops.h"
#include "common/engine/cpu/parallel.h"
#include "common/engine/cpu/simd.h"

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

// to = from for `columns` columns of matrices whose rows are `from_row` and `to_row` apart.
void CopyColumns(const float* from, std::int64_t from_row, std::int64_t rows, std::int64_t columns,
                 std::int64_t to_row, float* to) {
  for (std::int64_t row = 0; row < rows; ++row, from += from_row, to += to_row) {
    std::memcpy(to, from, static_cast<std::size_t>(columns) * sizeof(float));
  }
}

// to += from
GRAFT_SIMD_SHORT void AddColumns(const float* __restrict from, std::int64_t from_row,
                                 std::int64_t rows, std::int64_t columns, std::int64_t to_row,
                                 float* __restrict to) {
  for (std::int64_t row = 0; row < rows; ++row, from += from_row, to += to_row) {
    for (std::int64_t c = 0; c < columns; ++c) to[c] += from[c];
  }
}

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
    ForEachRows(run, [&](std::int64_t first, std::int64_t rows) {
      float* to = run.mutable_value(y_) + first * extent_.channels;
      for (std::size_t i = 0; i < operands_.size(); to += channels_[i++]) {
        const float* const from = run.value(operands_[i]) + first * channels_[i];
        CopyColumns(from, channels_[i], rows, channels_[i], extent_.channels, to);
      }
    });
    return absl::OkStatus();
  }

  absl::Status Backward(const Run& run) override {
    ForEachRows(run, [&](std::int64_t first, std::int64_t rows) {
      const float* from = run.gradient(y_) + first * extent_.channels;
      for (std::size_t i = 0; i < operands_.size(); from += channels_[i++]) {
        if (uses_[i] == GradientUse::kNone) continue;
        float* const to = run.gradient(operands_[i]) + first * channels_[i];
        (uses_[i] == GradientUse::kAdd ? AddColumns : CopyColumns)(from, extent_.channels, rows,
                                                                   channels_[i], channels_[i], to);
      }
    });
    return absl::OkStatus();
  }

 private:
  // Calls visit(first row, rows) for parts of a batch.
  template <typename Visit>
  void ForEachRows(const Run& run, const Visit& visit) const {
    ForEachPart(run.count * extent_.plane(), run.count * extent_.elements(), visit);
  }

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
