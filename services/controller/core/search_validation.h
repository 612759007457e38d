// Checks what a user submits before anything is queued.
#ifndef GRAFT_SERVICES_CONTROLLER_CORE_SEARCH_VALIDATION_H_
#define GRAFT_SERVICES_CONTROLLER_CORE_SEARCH_VALIDATION_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/controller/core/entities.h"
#include "services/controller/core/policy_session.h"
#include "services/controller/core/search_spec.h"

namespace graft::controller {

// `spec` with everything filled in that its trials need: the data set's digest, numbers of images,
// seeds. Fields that the wire form leaves out have their defaults already. `dataset` is the one
// that the task names, or null if there is none; `start_network` the one that the spec names, if
// any.
//
// INVALID_ARGUMENT: field errors (base/field_error.h) in proto names relative to the search spec,
// for example `space.plain.filters[2]` or `recipe.epochs`; an unknown data set has the reason
// UNKNOWN_DATASET.
absl::StatusOr<SearchSpec> CompleteSearchSpec(SearchSpec spec, const Dataset* dataset,
                                              const Network* start_network,
                                              const ExplorerFactory& factory);

// INVALID_ARGUMENT: a field error unless a search may have so many episodes.
absl::Status CheckEpisodes(std::string_view field, std::int64_t episodes, std::int64_t least = 1);

// INVALID_ARGUMENT: a field error relative to the data set: its name must be 1 to 63 lower-case
// letters, digits, `_` or `-`, and start with a letter.
absl::Status ValidateDatasetName(std::string_view name);

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_CORE_SEARCH_VALIDATION_H_
