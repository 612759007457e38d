#include "common/engine/cpu/matrix.h"

#include <dnnl.h>

#include "absl/strings/str_cat.h"

namespace graft::engine::cpu {

absl::Status MultiplyMatrices(std::int64_t m, std::int64_t n, std::int64_t k, float alpha,
                              const Matrix& a, const Matrix& b, float beta, float* c,
                              std::int64_t stride_c) {
  const dnnl_status_t status =
      dnnl_sgemm(a.transposed ? 'T' : 'N', b.transposed ? 'T' : 'N', m, n, k, alpha, a.data,
                 a.stride, b.data, b.stride, beta, c, stride_c);
  if (status == dnnl_success) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("oneDNN's matrix product failed with status ", status));
}

}  // namespace graft::engine::cpu
