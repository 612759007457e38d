// Checks of PlainSpaceOptions and their defaults. Internal to common/space.
#ifndef GRAFT_COMMON_SPACE_PLAIN_OPTIONS_H_
#define GRAFT_COMMON_SPACE_PLAIN_OPTIONS_H_

#include "absl/status/statusor.h"
#include "common/arch/architecture.h"
#include "common/space/plain_space.h"
#include "common/tensor/shape.h"

namespace graft::space {

// `options` with every default but the start network's filled in. INVALID_ARGUMENT: a field error
// at a ladder or a limit.
absl::StatusOr<PlainSpaceOptions> CompleteOptions(PlainSpaceOptions options);

// The start network in full. INVALID_ARGUMENT: a field error at `start...`.
absl::StatusOr<arch::Architecture> ExpandStart(const PlainSpaceOptions& options,
                                               const tensor::Shape& input_shape,
                                               std::int64_t num_classes);

// Turns a field error about a layer of the start network, whose field is the layer's id, into one
// at `start.layers[i]`, or at `start` if the user wrote none.
absl::Status AtStartLayer(const PlainSpaceOptions& options, const arch::Architecture& start,
                          const absl::Status& status);

}  // namespace graft::space

#endif  // GRAFT_COMMON_SPACE_PLAIN_OPTIONS_H_
