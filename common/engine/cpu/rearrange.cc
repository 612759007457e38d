// slice, pad, transpose, tokens and feature_map: elements in other places. Each is a copy between
// two strided views; the views know how the values lie in memory (channels-last or plain).
#include <array>

#include "common/engine/cpu/kernel.h"
#include "common/engine/cpu/loops.h"
#include "common/engine/cpu/parallel.h"

namespace graft::engine::cpu {
namespace {

constexpr int kMaxRank = tensor::Shape::kMaxRank;

// Steps in memory along each axis of a value.
using Strides = std::array<std::int64_t, kMaxRank>;

Strides StridesOf(const KernelContext& context, arch::NodeIndex value) {
  const tensor::Shape& shape = context.shape(value);
  if (context.channels_last(value)) return {1, shape.dim(2) * shape.dim(0), shape.dim(0)};
  Strides strides{};
  std::int64_t step = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[axis] = step;
    step *= shape.dim(axis);
  }
  return strides;
}

// One axis of both views.
struct Axis {
  std::int64_t extent = 1;
  std::int64_t from = 0;  // step in the operand
  std::int64_t to = 0;    // step in the result
};

// Elements of an example that move.
struct Views {
  std::vector<Axis> axes;
  std::int64_t from = 0;  // first element in the operand
  std::int64_t to = 0;    // first element in the result
};

Views ViewsOfSlice(const KernelContext& context) {
  const Strides from = StridesOf(context, context.operand(0));
  const Strides to = StridesOf(context, context.result);
  const tensor::Shape& shape = context.shape(context.result);
  Views views;
  for (int i = 0; i < shape.rank(); ++i) views.axes.push_back({shape.dim(i), from[i], to[i]});
  const arch::Attributes& attributes = context.node.attributes;
  views.from = arch::GetInt(attributes, "start") * from[arch::GetInt(attributes, "axis")];
  return views;
}

Views ViewsOfPad(const KernelContext& context) {
  const Strides from = StridesOf(context, context.operand(0));
  const Strides to = StridesOf(context, context.result);
  const tensor::Shape& shape = context.shape(context.operand(0));
  const std::vector<std::int64_t>& before = arch::GetInts(context.node.attributes, "before");
  Views views;
  for (int i = 0; i < shape.rank(); ++i) {
    views.axes.push_back({shape.dim(i), from[i], to[i]});
    views.to += before[i] * to[i];
  }
  return views;
}

Views ViewsOfTranspose(const KernelContext& context) {
  const Strides from = StridesOf(context, context.operand(0));
  const Strides to = StridesOf(context, context.result);
  const tensor::Shape& shape = context.shape(context.result);
  const auto& permutation = arch::GetInts(context.node.attributes, "permutation");
  Views views;
  for (int i = 0; i < shape.rank(); ++i) {
    views.axes.push_back({shape.dim(i), from[permutation[i]], to[i]});
  }
  return views;
}

// Tokens lie as channels-last positions do.
Views ViewsOfTokens(const KernelContext& context) {
  return {.axes = {{context.shape(context.operand(0)).ElementCount(), 1, 1}}};
}

Views ViewsOf(const KernelContext& context) {
  const std::string& op = context.node.op->name;
  if (op == "slice") return ViewsOfSlice(context);
  if (op == "pad") return ViewsOfPad(context);
  if (op == "transpose") return ViewsOfTranspose(context);
  return ViewsOfTokens(context);
}

// Outermost first in the result, axes without steps left out, those that lie together in both views
// merged.
std::vector<Axis> Simplified(std::vector<Axis> axes) {
  std::erase_if(axes, [](const Axis& axis) { return axis.extent == 1; });
  std::ranges::sort(axes, [](const Axis& a, const Axis& b) { return a.to > b.to; });
  std::vector<Axis> merged;
  for (const Axis& axis : axes) {
    if (!merged.empty() && merged.back().from == axis.extent * axis.from &&
        merged.back().to == axis.extent * axis.to) {
      merged.back() = {merged.back().extent * axis.extent, axis.from, axis.to};
    } else {
      merged.push_back(axis);
    }
  }
  if (merged.empty()) merged.push_back({1, 1, 1});
  return merged;
}

// to = from, or to += from, along one axis.
void MoveRow(const float* from, std::int64_t from_step, std::int64_t size, std::int64_t to_step,
             bool add, float* to) {
  if (from_step == 1 && to_step == 1) {
    return PassGradient(add ? GradientUse::kAdd : GradientUse::kWrite, from, size, to);
  }
  for (std::int64_t i = 0; i < size; ++i) {
    float& element = to[i * to_step];
    element = add ? element + from[i * from_step] : from[i * from_step];
  }
}

class Move final : public Kernel {
 public:
  explicit Move(KernelContext& context)
      : x_(context.operand(0)),
        y_(context.result),
        batched_(context.batched(y_)),
        x_elements_(context.shape(x_).ElementCount()),
        y_elements_(context.shape(y_).ElementCount()),
        views_(ViewsOf(context)),
        use_(context.gradient_uses[0]) {
    views_.axes = Simplified(std::move(views_.axes));
    for (const Axis& axis : views_.axes) moved_ *= axis.extent;
  }

  absl::Status Forward(const Run& run) override {
    float* const y = run.mutable_value(y_);
    const std::int64_t outer = run.outer(batched_);
    if (moved_ < y_elements_) std::fill_n(y, outer * y_elements_, 0.0F);
    ForEachExample(outer, [&](std::int64_t n) {
      MoveAxis(0, run.value(x_) + n * x_elements_ + views_.from, &Axis::from, &Axis::to,
               /*add=*/false, y + n * y_elements_ + views_.to);
    });
    return absl::OkStatus();
  }

  absl::Status Backward(const Run& run) override {
    float* const dx = run.gradient(x_);
    const std::int64_t outer = run.outer(batched_);
    const bool add = use_ == GradientUse::kAdd;
    if (!add && moved_ < x_elements_) std::fill_n(dx, outer * x_elements_, 0.0F);
    ForEachExample(outer, [&](std::int64_t n) {
      MoveAxis(0, run.gradient(y_) + n * y_elements_ + views_.to, &Axis::to, &Axis::from, add,
               dx + n * x_elements_ + views_.from);
    });
    return absl::OkStatus();
  }

 private:
  // By all threads.
  template <typename Visit>
  void ForEachExample(std::int64_t outer, const Visit& visit) const {
    ForEachPart(outer, outer * moved_, [&](std::int64_t first, std::int64_t count) {
      for (std::int64_t n = first; n < first + count; ++n) visit(n);
    });
  }

  // The axes from `first` on. `from_step` and `to_step` say which view is read and which written.
  void MoveAxis(std::size_t first, const float* from, std::int64_t Axis::*from_step,
                std::int64_t Axis::*to_step, bool add, float* to) const {
    const Axis& axis = views_.axes[first];
    if (first + 1 == views_.axes.size()) {
      return MoveRow(from, axis.*from_step, axis.extent, axis.*to_step, add, to);
    }
    for (std::int64_t i = 0; i < axis.extent; ++i) {
      MoveAxis(first + 1, from + i * (axis.*from_step), from_step, to_step, add,
               to + i * (axis.*to_step));
    }
  }

  const arch::NodeIndex x_, y_;
  const bool batched_;
  const std::int64_t x_elements_, y_elements_;
  Views views_;
  std::int64_t moved_ = 1;  // elements of an example
  const GradientUse use_;
};

}  // namespace

std::unique_ptr<Kernel> MakeMove(KernelContext& context) { return std::make_unique<Move>(context); }

}  // namespace graft::engine::cpu
