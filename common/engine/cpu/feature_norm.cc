// layer_norm and rms_norm: each row of features is normalised by itself.
#include <cmath>

#include "common/engine/cpu/channel_sums.h"
#include "common/engine/cpu/kernel.h"
#include "common/engine/cpu/parallel.h"
#include "common/engine/cpu/rows.h"
#include "common/engine/cpu/simd.h"

namespace graft::engine::cpu {
namespace {

enum { kX, kScale, kShift };

struct Moments {
  float mean;
  float inverse;  // 1 / sqrt(variance + epsilon)
};

GRAFT_SIMD Moments Measure(const float* x, std::int64_t size, bool centred, double epsilon) {
  const auto count = static_cast<double>(size);
  const double sum = centred ? SumInLanes(size, [x](std::int64_t i) { return x[i]; }) : 0.0F;
  const auto mean = static_cast<float>(sum / count);
  const double squares =
      SumInLanes(size, [x, mean](std::int64_t i) { return (x[i] - mean) * (x[i] - mean); });
  return {mean, static_cast<float>(1.0 / std::sqrt(squares / count + epsilon))};
}

// y = scale (x - mean) inverse + shift; without shift if it is null
GRAFT_SIMD void Normalise(const float* __restrict x, std::int64_t size, const Moments& moments,
                          const float* __restrict scale, const float* __restrict shift,
                          float* __restrict y) {
  const auto [mean, inverse] = moments;
  if (shift == nullptr) {
    for (std::int64_t i = 0; i < size; ++i) y[i] = scale[i] * ((x[i] - mean) * inverse);
  } else {
    for (std::int64_t i = 0; i < size; ++i) y[i] = scale[i] * ((x[i] - mean) * inverse) + shift[i];
  }
}

// With z the normalised x and dz = scale dy: dx = inverse (dz - mean(dz) - z mean(dz z)), the
// second term where the mean is taken off; added to dx if `add`.
GRAFT_SIMD void Propagate(const float* __restrict x, const float* __restrict dy, std::int64_t size,
                          const Moments& moments, bool centred, const float* __restrict scale,
                          bool add, float* __restrict dx) {
  const auto [mean, inverse] = moments;
  const auto count = static_cast<float>(size);
  const float sum =
      centred ? SumInLanes(size, [=](std::int64_t i) { return scale[i] * dy[i]; }) : 0.0F;
  const float product = SumInLanes(size, [=, mean = mean, inverse = inverse](std::int64_t i) {
    return scale[i] * dy[i] * ((x[i] - mean) * inverse);
  });
  const float constant = sum / count;
  const float slope = product / count;
  for (std::int64_t i = 0; i < size; ++i) {
    const float z = (x[i] - mean) * inverse;
    const float value = inverse * (scale[i] * dy[i] - constant - z * slope);
    dx[i] = add ? dx[i] + value : value;
  }
}

// scale_sum += dy z, shift_sum += dy
GRAFT_SIMD void SumByFeature(const float* __restrict x, const float* __restrict dy,
                             std::int64_t size, const Moments& moments, float* __restrict scale_sum,
                             float* __restrict shift_sum) {
  const auto [mean, inverse] = moments;
  for (std::int64_t i = 0; i < size; ++i) {
    scale_sum[i] += dy[i] * ((x[i] - mean) * inverse);
    shift_sum[i] += dy[i];
  }
}

class FeatureNorm final : public Kernel {
 public:
  explicit FeatureNorm(KernelContext& context)
      : node_(context.node),
        y_(context.result),
        centred_(context.node.op->name == "layer_norm"),
        extent_(context.extent(y_)),
        epsilon_(arch::GetDouble(context.node.attributes, "epsilon")),
        uses_(context.gradient_uses),
        moments_(context.Keep(context.options.batch * extent_.plane() *
                              static_cast<std::int64_t>(sizeof(Moments)))),
        scale_sums_(extent_.channels, kSlices),
        shift_sums_(extent_.channels, kSlices) {}

  absl::Status Forward(const Run& run) override {
    auto* const moments = run.buffer<Moments>(moments_);
    const float* const scale = run.value(node_.operands[kScale]);
    const float* const shift = centred_ ? run.value(node_.operands[kShift]) : nullptr;
    const std::int64_t size = extent_.channels;
    ForEachPart(Rows(run), Rows(run) * size, [&](std::int64_t first, std::int64_t count) {
      for (std::int64_t row = first; row < first + count; ++row) {
        const float* const x = run.value(node_.operands[kX]) + row * size;
        moments[row] = Measure(x, size, centred_, epsilon_);
        Normalise(x, size, moments[row], scale, shift, run.mutable_value(y_) + row * size);
      }
    });
    return absl::OkStatus();
  }

  absl::Status Backward(const Run& run) override {
    scale_sums_.Start();
    shift_sums_.Start();
    ForEachSlice(Rows(run), [&](int slice, std::int64_t first, std::int64_t count) {
      for (std::int64_t row = first; row < first + count; ++row) RowBackward(run, slice, row);
    });
    scale_sums_.Pass(uses_[kScale], run.gradient(node_.operands[kScale]));
    if (centred_) shift_sums_.Pass(uses_[kShift], run.gradient(node_.operands[kShift]));
    return absl::OkStatus();
  }

 private:
  void RowBackward(const Run& run, int slice, std::int64_t row) {
    const std::int64_t size = extent_.channels;
    const Moments& moments = run.buffer<Moments>(moments_)[row];
    const float* const x = run.value(node_.operands[kX]) + row * size;
    const float* const dy = run.gradient(y_) + row * size;
    SumByFeature(x, dy, size, moments, scale_sums_.NextRow(slice), shift_sums_.NextRow(slice));
    if (uses_[kX] == GradientUse::kNone) return;
    Propagate(x, dy, size, moments, centred_, run.value(node_.operands[kScale]),
              uses_[kX] == GradientUse::kAdd, run.gradient(node_.operands[kX]) + row * size);
  }

  std::int64_t Rows(const Run& run) const { return run.count * extent_.plane(); }

  const arch::Node& node_;
  const arch::NodeIndex y_;
  const bool centred_;
  const Extent extent_;
  const double epsilon_;
  const std::vector<GradientUse> uses_;
  const BufferId moments_;
  ChannelSums scale_sums_, shift_sums_;
};

}  // namespace

std::unique_ptr<Kernel> MakeFeatureNorm(KernelContext& context) {
  return std::make_unique<FeatureNorm>(context);
}

}  // namespace graft::engine::cpu
