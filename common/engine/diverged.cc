#include "common/engine/diverged.h"

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

}  // namespace graft::engine
