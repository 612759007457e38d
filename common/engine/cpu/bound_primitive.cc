#include "common/engine/cpu/bound_primitive.h"

#include <atomic>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/engine/cpu/primitive_counts.h"

namespace graft::engine::cpu {
namespace {

std::atomic<std::int64_t> created_count = 0;
std::atomic<std::int64_t> reorder_count = 0;

const dnnl::stream& CpuStream() {
  static const auto* const stream = new dnnl::stream(CpuEngine());
  return *stream;
}

}  // namespace

const dnnl::engine& CpuEngine() {
  static const auto* const engine = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *engine;
}

BoundPrimitive::BoundPrimitive(dnnl::primitive primitive,
                               const std::vector<std::pair<int, dnnl::memory::desc>>& arguments)
    : primitive_(std::move(primitive)),
      reorders_(primitive_.get_kind() == dnnl::primitive::kind::reorder) {
  created_count.fetch_add(1, std::memory_order_relaxed);
  for (const auto& [argument, description] : arguments) {
    memories_.push_back(dnnl::memory(description, CpuEngine(), DNNL_MEMORY_NONE));
    arguments_.push_back({argument, memories_.back().get()});
  }
}

absl::Status BoundPrimitive::Execute(std::initializer_list<const void*> pointers) {
  GRAFT_CHECK(pointers.size() == memories_.size()) << pointers.size() << " " << memories_.size();
  if (reorders_) reorder_count.fetch_add(1, std::memory_order_relaxed);
  dnnl_status_t status = dnnl_success;
  auto memory = memories_.begin();
  for (const void* const pointer : pointers) {
    // oneDNN takes inputs by pointers to mutable memory, too.
    status = dnnl_memory_set_data_handle((memory++)->get(), const_cast<void*>(pointer));
    if (status != dnnl_success) break;
  }
  if (status == dnnl_success) {
    status = dnnl_primitive_execute(primitive_.get(), CpuStream().get(),
                                    static_cast<int>(arguments_.size()), arguments_.data());
  }
  if (status == dnnl_success) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("a oneDNN primitive failed with status ", status));
}

PrimitiveCounts CountedPrimitives() {
  return {.created = created_count.load(std::memory_order_relaxed),
          .reorders = reorder_count.load(std::memory_order_relaxed)};
}

BoundPrimitive MakeReorder(const dnnl::memory::desc& from, const dnnl::memory::desc& to) {
  if (from == to) return BoundPrimitive();
  const dnnl::reorder::primitive_desc description(CpuEngine(), from, CpuEngine(), to);
  return BoundPrimitive(dnnl::reorder(description), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
}

}  // namespace graft::engine::cpu
