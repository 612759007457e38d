// add and multiply. An operand that is smaller than the result is repeated (arch/operators/
// elementwise.cc says how): it is read through strides, some of them 0.
#include "common/engine/cpu/kernel.h"
#include "common/engine/cpu/loops.h"
#include "common/engine/cpu/parallel.h"
#include "common/engine/cpu/rows.h"
#include "common/engine/cpu/simd.h"

namespace graft::engine::cpu {
namespace {

// The result as it lies in memory: examples of rows of columns.
struct Grid {
  std::int64_t rows = 1;
  std::int64_t columns = 1;

  std::int64_t elements() const { return rows * columns; }
};

// Where an operand has the element of the result at (example, row, column).
struct Source {
  std::int64_t example = 0;
  std::int64_t row = 0;
  std::int64_t column = 0;
  std::int64_t elements = 0;  // of one example
  bool batched = true;
  bool same = false;  // as the result: no strides are needed
};

using Loop = void (*)(const float*, std::int64_t, std::int64_t, float*);

// y += x, y *= x with x at a stride.
GRAFT_SIMD void AddRow(const float* __restrict x, std::int64_t stride, std::int64_t size,
                       float* __restrict y) {
  if (stride == 1) {
    for (std::int64_t i = 0; i < size; ++i) y[i] += x[i];
  } else {
    for (std::int64_t i = 0; i < size; ++i) y[i] += x[i * stride];
  }
}

GRAFT_SIMD void MultiplyRow(const float* __restrict x, std::int64_t stride, std::int64_t size,
                            float* __restrict y) {
  if (stride == 1) {
    for (std::int64_t i = 0; i < size; ++i) y[i] *= x[i];
  } else {
    for (std::int64_t i = 0; i < size; ++i) y[i] *= x[i * stride];
  }
}

// sum += x with the sum at a stride; stride 0: of all x.
GRAFT_SIMD void SumRow(const float* __restrict x, std::int64_t stride, std::int64_t size,
                       float* __restrict sum) {
  if (stride == 0) {
    *sum += SumInLanes(size, [x](std::int64_t i) { return x[i]; });
  } else if (stride == 1) {
    for (std::int64_t i = 0; i < size; ++i) sum[i] += x[i];
  } else {
    for (std::int64_t i = 0; i < size; ++i) sum[i * stride] += x[i];
  }
}

class Elementwise : public Kernel {
 public:
  // `loop` combines two operands.
  Elementwise(KernelContext& context, Loop loop)
      : operands_(context.node.operands),
        y_(context.result),
        grid_(GridOf(context)),
        batched_(context.batched(y_)),
        uses_(context.gradient_uses),
        loop_(loop) {
    for (const arch::NodeIndex operand : operands_) {
      sources_.push_back(SourceOf(context, operand));
      by_element_ = by_element_ && sources_.back().same;
    }
    if (!by_element_) sums_.resize(grid_.columns);
  }

  bool by_element() const override { return by_element_; }

  void ForwardPart(const Run& run, std::int64_t first, std::int64_t count) override {
    float* const y = run.mutable_value(y_) + first;
    Copy(run.value(operands_[0]) + first, count, y);
    for (std::size_t i = 1; i < operands_.size(); ++i) {
      loop_(run.value(operands_[i]) + first, 1, count, y);
    }
  }

  absl::Status Forward(const Run& run) override {
    if (by_element_) {
      ForEachPart(Size(run), Size(run),
                  [&](std::int64_t first, std::int64_t count) { ForwardPart(run, first, count); });
    } else {
      Copy(run.value(operands_[0]), Size(run), run.mutable_value(y_));
      for (std::size_t i = 1; i < operands_.size(); ++i) {
        Combine(run, i, loop_, run.mutable_value(y_));
      }
    }
    return absl::OkStatus();
  }

  absl::Status Backward(const Run& run) override {
    if (by_element_) {
      ForEachPart(Size(run), Size(run),
                  [&](std::int64_t first, std::int64_t count) { BackwardPart(run, first, count); });
    } else {
      BackwardRepeating(run);
    }
    return absl::OkStatus();
  }

 protected:
  // Where an operand is smaller than the result.
  virtual void BackwardRepeating(const Run& run) = 0;

  std::int64_t Size(const Run& run) const { return run.outer(batched_) * grid_.elements(); }

  // y op= operand i
  void Combine(const Run& run, std::size_t i, Loop loop, float* y) const {
    const Source& source = sources_[i];
    const float* const x = run.value(operands_[i]);
    if (source.same) {
      ForEachPart(Size(run), Size(run), [&](std::int64_t first, std::int64_t count) {
        loop(x + first, 1, count, y + first);
      });
      return;
    }
    const std::int64_t rows = run.outer(batched_) * grid_.rows;
    ForEachPart(rows, Size(run), [&](std::int64_t first, std::int64_t count) {
      for (std::int64_t i = first; i < first + count; ++i) {
        const std::int64_t start = i / grid_.rows * source.example + i % grid_.rows * source.row;
        loop(x + start, source.column, grid_.columns, y + i * grid_.columns);
      }
    });
  }

  // Hands a gradient in the result's shape to operand i: sums it over what was repeated. Sums over
  // an example before they are added to those of others, so that long sums stay exact.
  void PassTo(const Run& run, std::size_t i, const float* gradient) {
    if (uses_[i] == GradientUse::kNone) return;
    const Source& source = sources_[i];
    float* const to = run.gradient(operands_[i]);
    if (source.same) return PassGradient(uses_[i], gradient, Size(run), to);
    if (uses_[i] == GradientUse::kWrite) {
      std::fill_n(to, run.outer(source.batched) * source.elements, 0.0F);
    }
    for (std::int64_t n = 0; n < run.outer(batched_); ++n) {
      SumExample(source, gradient + n * grid_.elements(), to + n * source.example);
    }
  }

  const std::vector<arch::NodeIndex> operands_;
  const arch::NodeIndex y_;
  const Grid grid_;
  const bool batched_;
  const std::vector<GradientUse> uses_;

 private:
  const Loop loop_;

  void SumExample(const Source& source, const float* gradient, float* to) {
    if (source.row != 0) {
      for (std::int64_t row = 0; row < grid_.rows; ++row, gradient += grid_.columns) {
        SumRow(gradient, source.column, grid_.columns, to + row * source.row);
      }
      return;
    }
    std::ranges::fill(sums_, 0.0F);
    for (std::int64_t row = 0; row < grid_.rows; ++row, gradient += grid_.columns) {
      AddRow(gradient, 1, grid_.columns, sums_.data());
    }
    SumRow(sums_.data(), source.column, grid_.columns, to);
  }

  static Grid GridOf(const KernelContext& context) {
    const Extent extent = context.extent(context.result);
    const tensor::Shape& shape = context.shape(context.result);
    if (context.batched(context.result) || shape.rank() <= 2) {
      return {extent.plane(), extent.channels};
    }
    // Plain, channels outermost.
    return {shape.dim(0), shape.ElementCount() / shape.dim(0)};
  }

  static Source SourceOf(const KernelContext& context, arch::NodeIndex operand) {
    const tensor::Shape& shape = context.shape(operand);
    const tensor::Shape& result = context.shape(context.result);
    const Grid grid = GridOf(context);
    Source source{.elements = shape.ElementCount(), .batched = context.batched(operand)};
    if (source.batched) source.example = source.elements;
    const bool outermost = !context.batched(context.result) && result.rank() > 2;
    if (shape == result) {
      source.same = source.batched == context.batched(context.result);
      // A picture that is not batched lies plain, the result channels-last.
      const bool plain = context.channels_last(context.result) && !source.batched;
      source.row = plain ? 1 : grid.columns;
      source.column = plain ? grid.rows : 1;
    } else if (source.elements > 1) {
      (outermost ? source.row : source.column) = 1;
    }
    return source;
  }

  std::vector<Source> sources_;
  bool by_element_ = true;   // all operands have the result's shape
  std::vector<float> sums_;  // of one example's rows
};

class Add final : public Elementwise {
 public:
  explicit Add(KernelContext& context) : Elementwise(context, AddRow) {}

  void BackwardPart(const Run& run, std::int64_t first, std::int64_t count) override {
    for (std::size_t i = 0; i < operands_.size(); ++i) {
      if (uses_[i] == GradientUse::kNone) continue;
      PassGradient(uses_[i], run.gradient(y_) + first, count, run.gradient(operands_[i]) + first);
    }
  }

 private:
  void BackwardRepeating(const Run& run) override {
    for (std::size_t i = 0; i < operands_.size(); ++i) PassTo(run, i, run.gradient(y_));
  }
};

class Multiply final : public Elementwise {
 public:
  explicit Multiply(KernelContext& context) : Elementwise(context, MultiplyRow) {
    if (context.wants_gradients()) {
      context.NeedScratch(context.elements(y_) * static_cast<std::int64_t>(sizeof(float)));
    }
  }

  // Each operand takes dy times all others.
  void BackwardPart(const Run& run, std::int64_t first, std::int64_t count) override {
    float* const product = run.scratch + first;
    for (std::size_t i = 0; i < operands_.size(); ++i) {
      if (uses_[i] == GradientUse::kNone) continue;
      Copy(run.gradient(y_) + first, count, product);
      for (std::size_t other = 0; other < operands_.size(); ++other) {
        if (other != i) MultiplyRow(run.value(operands_[other]) + first, 1, count, product);
      }
      PassGradient(uses_[i], product, count, run.gradient(operands_[i]) + first);
    }
  }

 private:
  void BackwardRepeating(const Run& run) override {
    for (std::size_t i = 0; i < operands_.size(); ++i) {
      if (uses_[i] == GradientUse::kNone) continue;
      Copy(run.gradient(y_), Size(run), run.scratch);
      for (std::size_t other = 0; other < operands_.size(); ++other) {
        if (other != i) Combine(run, other, MultiplyRow, run.scratch);
      }
      PassTo(run, i, run.scratch);
    }
  }
};

}  // namespace

std::unique_ptr<Kernel> MakeAdd(KernelContext& context) { return std::make_unique<Add>(context); }

std::unique_ptr<Kernel> MakeMultiply(KernelContext& context) {
  return std::make_unique<Multiply>(context);
}

}  // namespace graft::engine::cpu
