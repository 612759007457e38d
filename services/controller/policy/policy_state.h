// The bytes of a policy's saved state: values in the canonical encoding (digest/canonical.h),
// opened by a string that names policy and version, closed by the SHA-256 of all bytes before it
// (as `bytes`).
#ifndef GRAFT_SERVICES_CONTROLLER_POLICY_POLICY_STATE_H_
#define GRAFT_SERVICES_CONTROLLER_POLICY_POLICY_STATE_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/rng.h"
#include "common/digest/canonical.h"

namespace graft::policy {

// Closes a state. A value that cannot be encoded (NaN) is a broken invariant.
std::string SealState(digest::CanonicalEncoder encoder);

// Checks the closing digest and the opening string; the decoder stands after it and borrows
// `state`. DATA_LOSS: the bytes are not those that were saved. INVALID_ARGUMENT: of another format.
absl::StatusOr<digest::CanonicalDecoder> OpenState(std::string_view state, std::string_view format);

// u64 seed, u64 stream, u64 position.
void EncodeRng(const base::Rng& rng, digest::CanonicalEncoder& encoder);
absl::StatusOr<base::Rng> DecodeRng(digest::CanonicalDecoder& decoder);

// bytes: IEEE 754 binary32, little-endian, each bit kept. INVALID_ARGUMENT: another number of
// floats.
void EncodeFloats(std::span<const float> values, digest::CanonicalEncoder& encoder);
absl::StatusOr<std::vector<float>> DecodeFloats(std::size_t count,
                                                digest::CanonicalDecoder& decoder);

}  // namespace graft::policy

#endif  // GRAFT_SERVICES_CONTROLLER_POLICY_POLICY_STATE_H_
