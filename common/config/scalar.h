// Single values of protobuf fields as text.
#ifndef GRAFT_COMMON_CONFIG_SCALAR_H_
#define GRAFT_COMMON_CONFIG_SCALAR_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace google::protobuf {
class EnumDescriptor;
class EnumValueDescriptor;
class FieldDescriptor;
class Message;
}  // namespace google::protobuf

namespace graft::config::internal {

// A parsed value, in the widest type of its kind. float fields hold a double within range.
using Scalar = std::variant<bool, int64_t, uint64_t, double, std::string,
                            const google::protobuf::EnumValueDescriptor*>;

// Parses `text` as a value of `field`, which is not a message. `quoted`: the text stood in quotes,
// so that it is a string whatever it looks like. INVALID_ARGUMENT says what was expected; the
// message names neither field nor place.
absl::StatusOr<Scalar> ParseScalar(const google::protobuf::FieldDescriptor& field,
                                   const std::string& text, bool quoted);

// Sets a singular field, or appends to a repeated one, to a value that ParseScalar made for it.
void StoreScalar(const google::protobuf::FieldDescriptor& field, const Scalar& value,
                 google::protobuf::Message* message);

// "grow_on" for EPISODE_START_GROW_ON of the enum EpisodeStart; the full name where it lacks the
// prefix.
std::string ShortEnumName(const google::protobuf::EnumValueDescriptor& value);

// The short names of all values that mean something: those but 0 if it is `..._UNSPECIFIED`.
std::vector<std::string> EnumChoices(const google::protobuf::EnumDescriptor& type);

// Whether `text` reads as a YAML number.
bool ParseNumber(std::string_view text, double* value);

// `text` in double quotes, cut after 60 characters.
std::string Quoted(std::string_view text);

}  // namespace graft::config::internal

#endif  // GRAFT_COMMON_CONFIG_SCALAR_H_
