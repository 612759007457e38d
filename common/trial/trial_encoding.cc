#include "common/trial/trial_encoding.h"

namespace graft::trial {

void EncodeInputs(const std::vector<Input>& inputs, digest::CanonicalEncoder& encoder) {
  encoder.List(inputs.size());
  for (const Input& input : inputs) {
    encoder.String(input.role)
        .Bytes(input.network.architecture.fingerprint().sha256().AsStringView())
        .String(input.network.weights.ToString());
  }
}

void EncodeEdits(const std::vector<transform::Edit>& edits, digest::CanonicalEncoder& encoder) {
  encoder.List(edits.size());
  for (const transform::Edit& edit : edits) transform::EncodeEdit(edit, encoder);
}

}  // namespace graft::trial
