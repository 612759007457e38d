// Architectures and edits as they travel.
#ifndef GRAFT_COMMON_WIRE_ARCHITECTURE_WIRE_H_
#define GRAFT_COMMON_WIRE_ARCHITECTURE_WIRE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "common/arch/architecture.h"
#include "common/arch/expand.h"
#include "common/transform/edit.h"
#include "proto/graft/v1/architecture.pb.h"

namespace graft::wire {

// An architecture as it is written down, in short form or in full, unchecked.
struct Definitions {
  std::vector<arch::LayerDef> layers;
  std::vector<arch::OutputDef> outputs;
};

// Checks sizes and the attributes' kinds alone. INVALID_ARGUMENT: a field error.
absl::StatusOr<Definitions> DefinitionsFromProto(const v1::Architecture& proto,
                                                 const arch::Limits& limits = {});
v1::Architecture ToProto(const Definitions& definitions);

// The full form, in canonical order, ids included.
v1::Architecture ToProto(const arch::Architecture& architecture);

// From the full form; sizes are checked before anything is made of the message.
// INVALID_ARGUMENT: a field error, for example at `layers[3].attributes.kernel`.
absl::StatusOr<arch::Architecture> FromProto(const v1::Architecture& proto,
                                             const arch::Limits& limits = {});

// From the short form, as people write it (arch/expand.h), or the full one. Errors as above.
absl::StatusOr<arch::Architecture> ExpandFromProto(const v1::Architecture& proto,
                                                   const arch::ExpandOptions& options,
                                                   const arch::Limits& limits = {});

v1::Edit ToProto(const transform::Edit& edit);

// Attributes come out in the types that the transformation declares; those left out stay left out,
// so that FromProto(ToProto(edit)) is `edit` and has its digest.
// INVALID_ARGUMENT: a field error at `transformation` or `attributes.<name>`.
absl::StatusOr<transform::Edit> FromProto(const v1::Edit& proto);

}  // namespace graft::wire

#endif  // GRAFT_COMMON_WIRE_ARCHITECTURE_WIRE_H_
