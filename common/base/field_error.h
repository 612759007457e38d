// Errors that name the field of the input they are about. Domain libraries make them without
// knowing protobuf; common/rpc carries them over the network as google.rpc.BadRequest.
#ifndef GRAFT_COMMON_BASE_FIELD_ERROR_H_
#define GRAFT_COMMON_BASE_FIELD_ERROR_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace graft::base {

// One bad field.
struct FieldViolation {
  // Path in proto names: "space.plain.filters[2]", "attributes.kernel".
  std::string field;
  // What is wrong with its value and what is expected: "must be ascending".
  std::string description;

  friend bool operator==(const FieldViolation&, const FieldViolation&) = default;
};

// INVALID_ARGUMENT with the message "`field`: `description`" and the violation as a payload.
absl::Status InvalidFieldError(std::string_view field, std::string_view description);

// INVALID_ARGUMENT about several fields, at least one; the message lists them.
absl::Status InvalidFieldsError(std::span<const FieldViolation> violations);

// The violations that `status` carries; none if it was not made by the functions above.
std::vector<FieldViolation> FieldViolations(const absl::Status& status);

// `status` with "`prefix`." before the field of each violation ("`prefix`" before a field that
// begins with an index), its message rewritten to match. A status without violations stays as it
// is.
absl::Status PrefixFieldViolations(std::string_view prefix, const absl::Status& status);

// Replaces the payload of `status` by `violations`, leaving its code and message as they are; OK
// stays OK.
void SetFieldViolations(std::span<const FieldViolation> violations, absl::Status* status);

// A machine-readable reason, UPPER_SNAKE_CASE, finer than the status code: "UNKNOWN_DATASET". OK
// stays OK.
absl::Status WithReason(absl::Status status, std::string_view reason);

// The reason that WithReason set; empty if none.
std::string ErrorReason(const absl::Status& status);

}  // namespace graft::base

#endif  // GRAFT_COMMON_BASE_FIELD_ERROR_H_
