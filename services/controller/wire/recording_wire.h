#ifndef GRAFT_SERVICES_CONTROLLER_WIRE_RECORDING_WIRE_H_
#define GRAFT_SERVICES_CONTROLLER_WIRE_RECORDING_WIRE_H_

#include "absl/status/statusor.h"
#include "proto/graft/v1/replay.pb.h"
#include "services/controller/core/replay.h"

namespace graft::controller {

// INVALID_ARGUMENT: a field error.
absl::StatusOr<SearchRecording> FromProto(const v1::SearchRecording& proto);

// But for `search`, which a replay does not know.
v1::SearchReplay ToProto(const SearchReplay& replay);

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_WIRE_RECORDING_WIRE_H_
