// The CPU backend: convolutions by our own kernels (avx512_convolution.h) or oneDNN, in bfloat16
// too; matrix products by oneDNN, own loops for the rest.
//
// Layout. A batched value [C, H, W] lies channels-last ([N, H, W, C]) in the plan, everything else
// plain. Images are brought into it once; after that only operators whose meaning it is move
// elements. oneDNN's Winograd wants layouts in blocks of 16 channels, which small networks cannot
// afford: blocks pad the channels, and weight gradients fall back to a reference loop below one
// block. So the plan brings its own, for which channels-last rows are vectors as they lie.
// oneDNN's batch norm and pooling are slow channels-last; the plan brings its own, and computes a
// batch norm with the ReLU and the pooling behind it at once, or within the convolution before or
// behind it (fusion.h).
#ifndef GRAFT_COMMON_ENGINE_CPU_CPU_BACKEND_H_
#define GRAFT_COMMON_ENGINE_CPU_CPU_BACKEND_H_

#include <memory>
#include <string>
#include <string_view>

#include "common/engine/backend.h"
#include "common/engine/cpu/kernel_observer.h"
#include "common/engine/cpu/kernel_table.h"

namespace graft::engine::cpu {

struct CpuBackendOptions {
  // OpenMP threads of each run; part of the numerics class. Several plans with one thread each,
  // in threads of their own, are faster than one plan with several.
  int threads = 1;
  // The most that a plan's buffers may take. 0: no limit.
  std::int64_t memory_limit_bytes = 0;
  // Which kernels are fastest here; its digest is part of the numerics class.
  KernelTable kernels = KernelTable::Default();
  // Runs the kernels of the plans, for profiles; outlives them. Null: they run by themselves.
  KernelObserver* observer = nullptr;
};

// Plans run in the calling thread (and its OpenMP team). Values and gradients lie in one arena,
// placed by lifetime, and kernels share one scratch, both allocated once the plan is known to fit
// its limit; what it does not count is some kilobytes a layer. A run allocates nothing, except at
// the first run of a count other than the batch, whose convolutions are then created. Equal inputs
// give equal bits whatever runs beside. Thread-safe.
class CpuBackend final : public Backend {
 public:
  explicit CpuBackend(const CpuBackendOptions& options = {}) : options_(options) {}

  // RESOURCE_EXHAUSTED: the plan would take more memory than it may. FAILED_PRECONDITION: the
  // environment's OMP_THREAD_LIMIT is below the threads of a plan. INTERNAL: oneDNN refuses a
  // layer.
  absl::StatusOr<std::unique_ptr<Plan>> Compile(const arch::Architecture& architecture,
                                                const PlanOptions& options) override;
  std::string name() const override { return "cpu"; }
  std::string numerics() const override;

 private:
  const CpuBackendOptions options_;
};

// Whether the operator has a kernel here. All take bfloat16: it admits methods for convolutions and
// for linear layers over tokens, and asks nothing of what gains nothing by it. Attention and matmul
// multiply matrices that are too small to be rounded first.
bool HasKernel(std::string_view op, recipe::Precision precision = recipe::Precision::kFloat32);

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_CPU_BACKEND_H_
