// search.proto <-> SearchSpec.
#ifndef GRAFT_SERVICES_CONTROLLER_WIRE_SEARCH_SPEC_WIRE_H_
#define GRAFT_SERVICES_CONTROLLER_WIRE_SEARCH_SPEC_WIRE_H_

#include "absl/status/statusor.h"
#include "proto/graft/v1/search.pb.h"
#include "services/controller/core/search_spec.h"

namespace graft::controller {

// Fields that are left out become the defaults that the proto states; what the data set decides is
// left to CompleteSearchSpec. INVALID_ARGUMENT: field errors relative to the search spec.
absl::StatusOr<SearchSpec> FromProto(const v1::SearchSpec& proto);

// FromProto(ToProto(spec)) is `spec`, if it is complete.
v1::SearchSpec ToProto(const SearchSpec& spec);

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_WIRE_SEARCH_SPEC_WIRE_H_
