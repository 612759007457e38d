#include "common/transform/edit.h"

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace graft::transform {

std::string ToString(const Edit& edit) {
  return absl::StrCat(edit.transformation, "(", arch::ToString(edit.attributes), ")");
}

void EncodeEdit(const Edit& edit, digest::CanonicalEncoder& encoder) {
  encoder.String(edit.transformation);
  arch::EncodeAttributes(edit.attributes, encoder);
}

absl::StatusOr<Edit> DecodeEdit(digest::CanonicalDecoder& decoder) {
  Edit edit;
  ASSIGN_OR_RETURN(edit.transformation, decoder.String());
  ASSIGN_OR_RETURN(edit.attributes, arch::DecodeAttributes(decoder));
  return edit;
}

}  // namespace graft::transform
