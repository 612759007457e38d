// Views -> the resources of search_service.proto.
#ifndef GRAFT_SERVICES_CONTROLLER_WIRE_RESOURCE_WIRE_H_
#define GRAFT_SERVICES_CONTROLLER_WIRE_RESOURCE_WIRE_H_

#include "absl/status/statusor.h"
#include "proto/graft/v1/search_service.pb.h"
#include "services/controller/core/controller.h"
#include "services/controller/core/trial_log.h"

namespace graft::controller {

v1::Search ToProto(const SearchView& search);
v1::Trial ToProto(const TrialView& trial);
v1::Network ToProto(const Network& network);
v1::Episode ToProto(const EpisodeView& view);
v1::Worker ToProto(const WorkerView& worker);
v1::Dataset ToProto(const Dataset& dataset);
v1::WatchSearchResponse ToProto(const Update& update);
v1::TrialPurpose ToProto(TrialPurpose purpose);
v1::TrialLogEntry ToProto(const LoggedLine& line);

// INVALID_ARGUMENT: a field error relative to the data set.
absl::StatusOr<Dataset> FromProto(const v1::Dataset& proto);
absl::StatusOr<TrialPurpose> FromProto(v1::TrialPurpose purpose);

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_WIRE_RESOURCE_WIRE_H_
