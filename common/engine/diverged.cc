#include "common/engine/diverged.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace graft::engine {
namespace {

constexpr char kPayloadUrl[] = "graft/engine.Diverged";

}  // namespace

absl::Status DivergedError(std::int64_t step, std::string_view tensor) {
  const absl::string_view name(tensor.data(), tensor.size());
  absl::Status status = absl::OutOfRangeError(
      absl::StrCat("training diverged: ", name, " is not finite at step ", step));
  status.SetPayload(kPayloadUrl, absl::Cord(name));
  return status;
}

bool IsDiverged(const absl::Status& status) { return status.GetPayload(kPayloadUrl).has_value(); }

bool AllFinite(std::span<const float> values) {
  return std::ranges::all_of(values, [](float value) { return std::isfinite(value); });
}

std::optional<std::string> NonFiniteParameter(const arch::Architecture& architecture,
                                              const ParameterLayout& layout,
                                              const ParameterVector& parameters) {
  for (const arch::NodeIndex node : architecture.parameters()) {
    if (!AllFinite(parameters.slice(layout.slot(node)))) return architecture.TensorName(node);
  }
  return std::nullopt;
}

}  // namespace graft::engine
