// y = x weight^T + bias by oneDNN's matrix product, on plain matrices.
#include <dnnl.h>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/engine/cpu/kernel.h"
#include "common/engine/cpu/loops.h"
#include "common/engine/cpu/simd.h"

namespace graft::engine::cpu {
namespace {

enum { kX, kWeight, kBias };

// c = a b + beta c, row-major: a is [m, k], b is [k, n], after transposing where asked.
absl::Status Multiply(char transpose_a, char transpose_b, std::int64_t m, std::int64_t n,
                      std::int64_t k, const float* a, const float* b, float beta, float* c) {
  const std::int64_t stride_a = transpose_a == 'T' ? m : k;
  const std::int64_t stride_b = transpose_b == 'T' ? k : n;
  const dnnl_status_t status =
      dnnl_sgemm(transpose_a, transpose_b, m, n, k, 1.0F, a, stride_a, b, stride_b, beta, c, n);
  if (status == dnnl_success) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("oneDNN's matrix product failed with status ", status));
}

GRAFT_SIMD void AddToRows(const float* __restrict bias, std::int64_t rows, std::int64_t columns,
                          float* __restrict y) {
  for (std::int64_t n = 0; n < rows; ++n) {
    for (std::int64_t o = 0; o < columns; ++o) y[n * columns + o] += bias[o];
  }
}

float Beta(GradientUse use) { return use == GradientUse::kAdd ? 1.0F : 0.0F; }

class Linear final : public Kernel {
 public:
  explicit Linear(KernelContext& context)
      : x_(context.operand(kX)),
        weight_(context.operand(kWeight)),
        bias_(context.has_operand(kBias) ? context.operand(kBias) : -1),
        y_(context.result),
        inputs_(context.shape(weight_).dim(1)),
        outputs_(context.shape(weight_).dim(0)),
        uses_(context.gradient_uses) {}

  absl::Status Forward(const Run& run) override {
    RETURN_IF_ERROR(Multiply('N', 'T', run.count, outputs_, inputs_, run.value(x_),
                             run.value(weight_), 0.0F, run.mutable_value(y_)));
    if (bias_ >= 0) AddToRows(run.value(bias_), run.count, outputs_, run.mutable_value(y_));
    return absl::OkStatus();
  }

  absl::Status Backward(const Run& run) override {
    const float* const dy = run.gradient(y_);
    if (uses_[kX] != GradientUse::kNone) {
      RETURN_IF_ERROR(Multiply('N', 'N', run.count, inputs_, outputs_, dy, run.value(weight_),
                               Beta(uses_[kX]), run.gradient(x_)));
    }
    if (uses_[kWeight] != GradientUse::kNone) {
      RETURN_IF_ERROR(Multiply('T', 'N', outputs_, inputs_, run.count, dy, run.value(x_),
                               Beta(uses_[kWeight]), run.gradient(weight_)));
    }
    if (bias_ >= 0 && uses_[kBias] != GradientUse::kNone) {
      float* const sum = run.gradient(bias_);
      if (uses_[kBias] == GradientUse::kWrite) std::fill_n(sum, outputs_, 0.0F);
      SumRows(dy, run.count, outputs_, sum);
    }
    return absl::OkStatus();
  }

 private:
  const arch::NodeIndex x_, weight_, bias_, y_;
  const std::int64_t inputs_, outputs_;
  const std::vector<GradientUse> uses_;
};

}  // namespace

std::unique_ptr<Kernel> MakeLinear(KernelContext& context) {
  return std::make_unique<Linear>(context);
}

}  // namespace graft::engine::cpu
