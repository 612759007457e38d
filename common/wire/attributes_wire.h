#ifndef GRAFT_COMMON_WIRE_ATTRIBUTES_WIRE_H_
#define GRAFT_COMMON_WIRE_ATTRIBUTES_WIRE_H_

#include "absl/status/statusor.h"
#include "common/arch/attributes.h"
#include "google/protobuf/struct.pb.h"

namespace graft::wire {

// At most so many attributes has a layer or an edit.
inline constexpr int kMaxAttributes = 64;

// Integers and doubles become numbers, lists of integers lists of numbers. Crashes on an integer
// above arch::kMaxInteger, which no registry admits: a number could not hold it.
google::protobuf::Struct ToProto(const arch::Attributes& attributes);

// Integral numbers become integers, other numbers doubles, lists of integral numbers lists of
// integers; arch::CheckAttributes then brings them to their declared types.
// INVALID_ARGUMENT: a field error at the attribute's name: null, a message, a list of anything
// else; or above the bounds of arch/attributes.h.
absl::StatusOr<arch::Attributes> FromProto(const google::protobuf::Struct& proto);

}  // namespace graft::wire

#endif  // GRAFT_COMMON_WIRE_ATTRIBUTES_WIRE_H_
