#include "common/engine/cpu/cpu_backend.h"

#include <dnnl.hpp>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/engine/cpu/kernel_registry.h"
#include "common/engine/cpu/parallel.h"
#include "common/engine/cpu/plan.h"
#include "common/engine/graph_checks.h"

namespace graft::engine::cpu {
namespace {

std::string IsaName() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41:
      return "sse41";
    case dnnl::cpu_isa::avx:
      return "avx";
    case dnnl::cpu_isa::avx2:
      return "avx2";
    case dnnl::cpu_isa::avx2_vnni:
      return "avx2_vnni";
    case dnnl::cpu_isa::avx512_core:
      return "avx512_core";
    case dnnl::cpu_isa::avx512_core_vnni:
      return "avx512_core_vnni";
    case dnnl::cpu_isa::avx512_core_bf16:
      return "avx512_core_bf16";
    case dnnl::cpu_isa::avx512_core_amx:
      return "avx512_core_amx";
    default:
      return absl::StrCat("isa", static_cast<int>(dnnl::get_effective_cpu_isa()));
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Plan>> CpuBackend::Compile(const arch::Architecture& architecture,
                                                          const PlanOptions& options) {
  RETURN_IF_ERROR(CheckThreads(options_.threads));
  RETURN_IF_ERROR(CheckCompilable(architecture, options));
  RETURN_IF_ERROR(CheckKernels(architecture, options.precision, name(), HasKernel));
  try {
    return CpuPlan::Create(architecture, options, options_);
  } catch (const dnnl::error& error) {
    return absl::InternalError(absl::StrCat("oneDNN cannot compile the network: ", error.what()));
  }
}

std::string CpuBackend::numerics() const {
  const dnnl_version_t* const version = dnnl_version();
  return absl::StrCat("onednn-", version->major, ".", version->minor, ".", version->patch, "/",
                      IsaName(), "/kernels-", options_.kernels.Digest(), "/threads-",
                      options_.threads);
}

bool HasKernel(std::string_view op, recipe::Precision) { return FindKernel(op) != nullptr; }

}  // namespace graft::engine::cpu
