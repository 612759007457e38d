// Upsampling of channels-last values: a pixel of the result is a sum of rows of channels.
#include "common/engine/cpu/kernel.h"
#include "common/engine/cpu/loops.h"
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

// A pixel of the result, and the four that it is made of: positions of their first channels.
struct Pixel {
  std::int64_t to;
  std::int64_t from[4];
  float weights[4];
};

// y = sum of the weighted pixels of x
GRAFT_SIMD_SHORT void Blend(const Pixel& pixel, const float* __restrict x, std::int64_t channels,
                            float* __restrict y) {
  const auto [a, b, c, d] = pixel.from;
  const auto [wa, wb, wc, wd] = pixel.weights;
  for (std::int64_t i = 0; i < channels; ++i) {
    y[pixel.to + i] = (wa * x[a + i] + wb * x[b + i]) + (wc * x[c + i] + wd * x[d + i]);
  }
}

// x += weight y
GRAFT_SIMD_SHORT void AddScaled(const float* __restrict y, float weight, std::int64_t channels,
                                float* __restrict x) {
  for (std::int64_t i = 0; i < channels; ++i) x[i] += weight * y[i];
}

class Upsample final : public Kernel {
 public:
  explicit Upsample(KernelContext& context)
      : x_(context.operand(0)),
        y_(context.result),
        extent_(context.extent(x_)),
        use_(context.gradient_uses[0]),
        bilinear_(arch::GetString(context.node.attributes, "mode") == "bilinear") {
    const std::vector<std::int64_t>& factors = arch::GetInts(context.node.attributes, "factors");
    rows_ = TapsOf(extent_.height, factors[0], bilinear_);
    columns_ = TapsOf(extent_.width, factors[1], bilinear_);
  }

  absl::Status Forward(const Run& run) override {
    ForEachPixel(run, [&](const Pixel& pixel) {
      if (bilinear_) {
        Blend(pixel, run.value(x_), extent_.channels, run.mutable_value(y_));
      } else {
        Copy(run.value(x_) + pixel.from[0], extent_.channels, run.mutable_value(y_) + pixel.to);
      }
    });
    return absl::OkStatus();
  }

  absl::Status Backward(const Run& run) override {
    float* const dx = run.gradient(x_);
    if (use_ == GradientUse::kWrite) std::fill_n(dx, run.count * extent_.elements(), 0.0F);
    ForEachPixel(run, [&](const Pixel& pixel) {
      for (int tap = 0; tap < (bilinear_ ? 4 : 1); ++tap) {
        AddScaled(run.gradient(y_) + pixel.to, pixel.weights[tap], extent_.channels,
                  dx + pixel.from[tap]);
      }
    });
    return absl::OkStatus();
  }

 private:
  template <typename F>
  void ForEachPixel(const Run& run, F f) const {
    Pixel pixel{};
    for (std::int64_t n = 0; n < run.count; ++n) {
      const auto at = [&](std::int64_t row, std::int64_t column) {
        return ((n * extent_.height + row) * extent_.width + column) * extent_.channels;
      };
      for (const auto& [low, high, weight] : rows_) {
        for (const Tap& column : columns_) {
          pixel.from[0] = at(low, column.low);
          pixel.from[1] = at(low, column.high);
          pixel.from[2] = at(high, column.low);
          pixel.from[3] = at(high, column.high);
          pixel.weights[0] = (1.0F - weight) * (1.0F - column.weight);
          pixel.weights[1] = (1.0F - weight) * column.weight;
          pixel.weights[2] = weight * (1.0F - column.weight);
          pixel.weights[3] = weight * column.weight;
          f(pixel);
          pixel.to += extent_.channels;
        }
      }
    }
  }

  const arch::NodeIndex x_, y_;
  const Extent extent_;
  const GradientUse use_;
  const bool bilinear_;
  std::vector<Tap> rows_, columns_;
};

}  // namespace

std::unique_ptr<Kernel> MakeUpsample(KernelContext& context) {
  return std::make_unique<Upsample>(context);
}

}  // namespace graft::engine::cpu
