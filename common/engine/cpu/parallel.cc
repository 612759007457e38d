#include "common/engine/cpu/parallel.h"

#include "absl/strings/str_cat.h"

namespace graft::engine::cpu {

absl::Status CheckThreads(int threads) {
  if (threads <= omp_get_thread_limit()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "OMP_THREAD_LIMIT allows ", omp_get_thread_limit(), " of ", threads, " threads"));
}

}  // namespace graft::engine::cpu
