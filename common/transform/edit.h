// Edit: a transformation's name with its attributes, as proposed, logged and hashed.
#ifndef GRAFT_COMMON_TRANSFORM_EDIT_H_
#define GRAFT_COMMON_TRANSFORM_EDIT_H_

#include <string>

#include "common/arch/attributes.h"
#include "common/digest/canonical.h"

namespace graft::transform {

struct Edit {
  std::string transformation;  // "widen_layer", "deepen_layer"
  arch::Attributes attributes;

  friend bool operator==(const Edit&, const Edit&) = default;
};

// "widen_layer(layer=conv1, width=8)".
std::string ToString(const Edit& edit);

// Canonical form: name, then attributes as of arch::EncodeAttributes.
void EncodeEdit(const Edit& edit, digest::CanonicalEncoder& encoder);
absl::StatusOr<Edit> DecodeEdit(digest::CanonicalDecoder& decoder);

}  // namespace graft::transform

#endif  // GRAFT_COMMON_TRANSFORM_EDIT_H_
