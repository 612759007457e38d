// Upsampling of channels-last values: a pixel of the result is a sum of rows of channels.
#include "common/engine/cpu/kernel.h"
#include "common/engine/cpu/simd.h"

namespace graft::engine::cpu {
namespace {

// What an element of the result is made of along one axis: (1 - weight) x[low] + weight x[high].
struct Tap {
  std::int64_t low, high;
  float weight;
};

std::vector<Tap> TapsOf(std::int64_t extent, std::int64_t factor, bool bilinear) {
  std::vector<Tap> taps;
  for (std::int64_t i = 0; i < extent * factor; ++i) {
    if (!bilinear) {
      taps.push_back({i / factor, i / factor, 0.0F});
      continue;
    }
    const double centre = (static_cast<double>(i) + 0.5) / static_cast<double>(factor) - 0.5;
    const double position = std::max(centre, 0.0);
    const auto low = static_cast<std::int64_t>(position);
    taps.push_back({low, std::min(low + 1, extent - 1),
                    static_cast<float>(position - static_cast<double>(low))});
  }
  return taps;
}

// y += weight x
GRAFT_SIMD void AddScaled(const float* __restrict x, float weight, std::int64_t size,
                          float* __restrict y) {
  for (std::int64_t i = 0; i < size; ++i) y[i] += weight * x[i];
}

class Upsample final : public Kernel {
 public:
  explicit Upsample(KernelContext& context)
      : x_(context.operand(0)),
        y_(context.result),
        extent_(context.extent(x_)),
        use_(context.gradient_uses[0]) {
    const arch::Attributes& attributes = context.node.attributes;
    const std::vector<std::int64_t>& factors = arch::GetInts(attributes, "factors");
    const bool bilinear = arch::GetString(attributes, "mode") == "bilinear";
    rows_ = TapsOf(extent_.height, factors[0], bilinear);
    columns_ = TapsOf(extent_.width, factors[1], bilinear);
  }

  absl::Status Forward(const Run& run) override {
    float* const y = run.mutable_value(y_);
    std::fill_n(y, run.count * ResultElements(), 0.0F);
    ForEachTap(run, [&](std::int64_t to, std::int64_t from, float weight) {
      AddScaled(run.value(x_) + from, weight, extent_.channels, y + to);
    });
    return absl::OkStatus();
  }

  absl::Status Backward(const Run& run) override {
    float* const dx = run.gradient(x_);
    if (use_ == GradientUse::kWrite) std::fill_n(dx, run.count * extent_.elements(), 0.0F);
    ForEachTap(run, [&](std::int64_t to, std::int64_t from, float weight) {
      AddScaled(run.gradient(y_) + to, weight, extent_.channels, dx + from);
    });
    return absl::OkStatus();
  }

 private:
  std::int64_t ResultElements() const {
    return static_cast<std::int64_t>(rows_.size() * columns_.size()) * extent_.channels;
  }

  // Calls f(y, x, weight) with the positions of a pixel and of each that it is made of.
  template <typename F>
  void ForEachTap(const Run& run, F f) const {
    std::int64_t to = 0;
    for (std::int64_t n = 0; n < run.count; ++n) {
      for (const Tap& row : rows_) {
        for (const Tap& column : columns_) {
          const auto visit = [&](std::int64_t r, std::int64_t c, float weight) {
            if (weight == 0.0F) return;
            f(to, ((n * extent_.height + r) * extent_.width + c) * extent_.channels, weight);
          };
          visit(row.low, column.low, (1.0F - row.weight) * (1.0F - column.weight));
          visit(row.low, column.high, (1.0F - row.weight) * column.weight);
          visit(row.high, column.low, row.weight * (1.0F - column.weight));
          visit(row.high, column.high, row.weight * column.weight);
          to += extent_.channels;
        }
      }
    }
  }

  const arch::NodeIndex x_, y_;
  const Extent extent_;
  const GradientUse use_;
  std::vector<Tap> rows_, columns_;
};

}  // namespace

std::unique_ptr<Kernel> MakeUpsample(KernelContext& context) {
  return std::make_unique<Upsample>(context);
}

}  // namespace graft::engine::cpu
