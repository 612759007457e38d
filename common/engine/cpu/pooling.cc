// Pooling over windows of channels-last values: each tap is a row of channels.
#include "common/engine/cpu/kernel.h"
#include "common/engine/cpu/parallel.h"
#include "common/engine/cpu/simd.h"

namespace graft::engine::cpu {
namespace {

struct Window {
  std::int64_t channels;
  std::int64_t height, width;          // of the operand
  std::int64_t out_height, out_width;  // of the result
  std::int64_t kernel_height, kernel_width;
  std::int64_t stride_height, stride_width;
  std::int64_t top, left;  // padding

  std::int64_t in_elements() const { return channels * height * width; }
  std::int64_t out_elements() const { return channels * out_height * out_width; }
};

// Part of a window's extent that lies on the operand.
struct Range {
  std::int64_t first, last;  // first <= i < last
  std::int64_t size() const { return last - first; }
};

Range Clip(std::int64_t start, std::int64_t kernel, std::int64_t extent) {
  return {std::max<std::int64_t>(start, 0), std::min(start + kernel, extent)};
}

Range Rows(const Window& window, std::int64_t i) {
  return Clip(i * window.stride_height - window.top, window.kernel_height, window.height);
}

Range Columns(const Window& window, std::int64_t j) {
  return Clip(j * window.stride_width - window.left, window.kernel_width, window.width);
}

// y = the largest element of each window, from = its row-major position in the plane: the first one
// of equal ones; a NaN wins.
GRAFT_SIMD_SHORT void MaxForward(const Window& window, std::int64_t count,
                                 const float* __restrict x, float* __restrict y,
                                 std::int32_t* __restrict from) {
  const std::int64_t channels = window.channels;
  for (std::int64_t n = 0; n < count; ++n, x += window.in_elements()) {
    for (std::int64_t i = 0; i < window.out_height; ++i) {
      const Range rows = Rows(window, i);
      for (std::int64_t j = 0; j < window.out_width; ++j, y += channels, from += channels) {
        const Range columns = Columns(window, j);
        const std::int64_t first = rows.first * window.width + columns.first;
        for (std::int64_t c = 0; c < channels; ++c) {
          y[c] = x[first * channels + c];
          from[c] = static_cast<std::int32_t>(first);
        }
        for (std::int64_t row = rows.first; row < rows.last; ++row) {
          for (std::int64_t column = columns.first; column < columns.last; ++column) {
            const auto position = static_cast<std::int32_t>(row * window.width + column);
            const float* const tap = x + position * channels;
            for (std::int64_t c = 0; c < channels; ++c) {
              const bool larger = (tap[c] > y[c]) | (tap[c] != tap[c]);
              y[c] = larger ? tap[c] : y[c];
              from[c] = larger ? position : from[c];
            }
          }
        }
      }
    }
  }
}

// dx[from] += dy, tap by tap, so that channels go together.
GRAFT_SIMD_SHORT void MaxBackward(const Window& window, std::int64_t count,
                                  const float* __restrict dy, const std::int32_t* __restrict from,
                                  float* __restrict dx) {
  const std::int64_t channels = window.channels;
  for (std::int64_t n = 0; n < count; ++n, dx += window.in_elements()) {
    for (std::int64_t i = 0; i < window.out_height; ++i) {
      const Range rows = Rows(window, i);
      for (std::int64_t j = 0; j < window.out_width; ++j, dy += channels, from += channels) {
        const Range columns = Columns(window, j);
        for (std::int64_t row = rows.first; row < rows.last; ++row) {
          for (std::int64_t column = columns.first; column < columns.last; ++column) {
            const auto position = static_cast<std::int32_t>(row * window.width + column);
            float* const tap = dx + position * channels;
            for (std::int64_t c = 0; c < channels; ++c) {
              tap[c] += from[c] == position ? dy[c] : 0.0F;
            }
          }
        }
      }
    }
  }
}

GRAFT_SIMD_SHORT void AverageForward(const Window& window, std::int64_t count,
                                     const float* __restrict x, float* __restrict y) {
  const std::int64_t channels = window.channels;
  for (std::int64_t n = 0; n < count; ++n, x += window.in_elements()) {
    for (std::int64_t i = 0; i < window.out_height; ++i) {
      const Range rows = Rows(window, i);
      for (std::int64_t j = 0; j < window.out_width; ++j, y += channels) {
        const Range columns = Columns(window, j);
        const float share = 1.0F / static_cast<float>(rows.size() * columns.size());
        for (std::int64_t c = 0; c < channels; ++c) y[c] = 0.0F;
        for (std::int64_t row = rows.first; row < rows.last; ++row) {
          for (std::int64_t column = columns.first; column < columns.last; ++column) {
            const float* const tap = x + (row * window.width + column) * channels;
            for (std::int64_t c = 0; c < channels; ++c) y[c] += tap[c];
          }
        }
        for (std::int64_t c = 0; c < channels; ++c) y[c] *= share;
      }
    }
  }
}

GRAFT_SIMD_SHORT void AverageBackward(const Window& window, std::int64_t count,
                                      const float* __restrict dy, float* __restrict dx) {
  const std::int64_t channels = window.channels;
  for (std::int64_t n = 0; n < count; ++n, dx += window.in_elements()) {
    for (std::int64_t i = 0; i < window.out_height; ++i) {
      const Range rows = Rows(window, i);
      for (std::int64_t j = 0; j < window.out_width; ++j, dy += channels) {
        const Range columns = Columns(window, j);
        const float share = 1.0F / static_cast<float>(rows.size() * columns.size());
        for (std::int64_t row = rows.first; row < rows.last; ++row) {
          for (std::int64_t column = columns.first; column < columns.last; ++column) {
            float* const tap = dx + (row * window.width + column) * channels;
            for (std::int64_t c = 0; c < channels; ++c) tap[c] += share * dy[c];
          }
        }
      }
    }
  }
}

// The window of a pooling node; a global one covers the whole operand.
Window WindowOf(const KernelContext& context) {
  const Extent x = context.extent(context.operand(0));
  const Extent y = context.extent(context.result);
  const arch::Attributes& attributes = context.node.attributes;
  Window window{x.channels, x.height, x.width, y.height, y.width, x.height, x.width, 1, 1, 0, 0};
  if (attributes.contains("kernel")) {
    window.kernel_height = arch::GetInts(attributes, "kernel")[0];
    window.kernel_width = arch::GetInts(attributes, "kernel")[1];
    window.stride_height = arch::GetInts(attributes, "strides")[0];
    window.stride_width = arch::GetInts(attributes, "strides")[1];
    window.top = arch::GetInts(attributes, "padding")[0];
    window.left = arch::GetInts(attributes, "padding")[1];
  }
  return window;
}

// Makes the operand's gradient ready to be added to.
void StartGradient(GradientUse use, std::int64_t size, float* dx) {
  if (use == GradientUse::kWrite) std::fill_n(dx, size, 0.0F);
}

// Calls visit(element of the operand, of the result, examples) for parts of the batch.
template <typename Visit>
void ForEachExample(const Window& window, const Run& run, const Visit& visit) {
  ForEachPart(run.count, run.count * window.in_elements(),
              [&](std::int64_t first, std::int64_t count) {
                visit(first * window.in_elements(), first * window.out_elements(), count);
              });
}

class MaxPool final : public Kernel {
 public:
  explicit MaxPool(KernelContext& context)
      : x_(context.operand(0)),
        y_(context.result),
        window_(WindowOf(context)),
        use_(context.gradient_uses[0]),
        from_(context.Keep(context.options.batch * window_.out_elements() *
                           static_cast<std::int64_t>(sizeof(std::int32_t)))) {}

  absl::Status Forward(const Run& run) override {
    const float* const x = run.value(x_);
    float* const y = run.mutable_value(y_);
    std::int32_t* const from = run.buffer<std::int32_t>(from_);
    ForEachExample(window_, run, [&](std::int64_t in, std::int64_t out, std::int64_t count) {
      MaxForward(window_, count, x + in, y + out, from + out);
    });
    return absl::OkStatus();
  }

  absl::Status Backward(const Run& run) override {
    const float* const dy = run.gradient(y_);
    const std::int32_t* const from = run.buffer<std::int32_t>(from_);
    float* const dx = run.gradient(x_);
    ForEachExample(window_, run, [&](std::int64_t in, std::int64_t out, std::int64_t count) {
      StartGradient(use_, count * window_.in_elements(), dx + in);
      MaxBackward(window_, count, dy + out, from + out, dx + in);
    });
    return absl::OkStatus();
  }

 private:
  const arch::NodeIndex x_, y_;
  const Window window_;
  const GradientUse use_;
  const BufferId from_;
};

class AveragePool final : public Kernel {
 public:
  explicit AveragePool(KernelContext& context)
      : x_(context.operand(0)),
        y_(context.result),
        window_(WindowOf(context)),
        use_(context.gradient_uses[0]) {}

  absl::Status Forward(const Run& run) override {
    const float* const x = run.value(x_);
    float* const y = run.mutable_value(y_);
    ForEachExample(window_, run, [&](std::int64_t in, std::int64_t out, std::int64_t count) {
      AverageForward(window_, count, x + in, y + out);
    });
    return absl::OkStatus();
  }

  absl::Status Backward(const Run& run) override {
    const float* const dy = run.gradient(y_);
    float* const dx = run.gradient(x_);
    ForEachExample(window_, run, [&](std::int64_t in, std::int64_t out, std::int64_t count) {
      StartGradient(use_, count * window_.in_elements(), dx + in);
      AverageBackward(window_, count, dy + out, dx + in);
    });
    return absl::OkStatus();
  }

 private:
  const arch::NodeIndex x_, y_;
  const Window window_;
  const GradientUse use_;
};

}  // namespace

std::unique_ptr<Kernel> MakeMaxPool(KernelContext& context) {
  return std::make_unique<MaxPool>(context);
}

std::unique_ptr<Kernel> MakeAveragePool(KernelContext& context) {
  return std::make_unique<AveragePool>(context);
}

}  // namespace graft::engine::cpu
