// Pieces of the canonical encoding that trial keys and edit seeds share.
#ifndef GRAFT_COMMON_TRIAL_TRIAL_ENCODING_H_
#define GRAFT_COMMON_TRIAL_TRIAL_ENCODING_H_

#include <vector>

#include "common/digest/canonical.h"
#include "common/trial/trial_spec.h"

namespace graft::trial {

// List of (string role, bytes fingerprint, string weights digest).
void EncodeInputs(const std::vector<Input>& inputs, digest::CanonicalEncoder& encoder);

// List of edits, each as of transform::EncodeEdit.
void EncodeEdits(const std::vector<transform::Edit>& edits, digest::CanonicalEncoder& encoder);

}  // namespace graft::trial

#endif  // GRAFT_COMMON_TRIAL_TRIAL_ENCODING_H_
