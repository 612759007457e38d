// Attributes: the named constants of a layer or an edit, as checked by a registry.
#ifndef GRAFT_COMMON_ARCH_ATTRIBUTES_H_
#define GRAFT_COMMON_ARCH_ATTRIBUTES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/digest/canonical.h"

namespace graft::arch {

using AttributeValue =
    std::variant<bool, std::int64_t, double, std::string, std::vector<std::int64_t>>;

// Ordered by name, so that iteration, text and canonical encoding agree everywhere.
using Attributes = std::map<std::string, AttributeValue, std::less<>>;

enum class AttributeType { kBool, kInt, kDouble, kString, kInts };

// Bounds on attribute values of any type, checked before they are looked at. Integers of at most
// kMaxInteger = 2^53 - 1 in magnitude are doubles too: they survive JSON and protobuf's Struct.
inline constexpr double kMaxInteger = 9007199254740991.0;
inline constexpr std::size_t kMaxStringLength = 128;
inline constexpr std::size_t kMaxListLength = 4096;

// What an attribute may be.
struct AttributeSpec {
  std::string name;
  AttributeType type = AttributeType::kInt;
  std::string summary;
  // Absent: the attribute must be given.
  std::optional<AttributeValue> default_value;
  // Inclusive bounds of an integer, of each element of kInts, or of a double.
  double minimum = -kMaxInteger;
  double maximum = kMaxInteger;
  // Exact length of kInts; 0: any up to kMaxListLength. A single integer given for a fixed length
  // is repeated.
  int length = 0;
  // Values that a string may take; empty: any of at most kMaxStringLength bytes.
  std::vector<std::string> choices;
  // For an attribute that an operator got later: its default is what the operator did before.
  // Encoding, definitions and text leave it out where it has its default, so that the fingerprints
  // of what was written before stay.
  bool neutral_default = false;
};

// `given` with defaults filled in and values brought to their declared type (an integral double to
// an integer, an integer to a double or to a list of fixed length).
// INVALID_ARGUMENT: a field error (base/field_error.h) at the attribute's name: unknown, missing,
// of another type, out of bounds.
absl::StatusOr<Attributes> CheckAttributes(const std::vector<AttributeSpec>& specs,
                                           const Attributes& given);

// Checked attributes without those that have a neutral default and are equal to it. CheckAttributes
// puts them back.
Attributes WithoutNeutral(const std::vector<AttributeSpec>& specs, const Attributes& checked);

// The value that `given`, not checked yet, has for an attribute with a default: checked, or the
// default where it is missing or wrong (CheckAttributes says so later).
AttributeValue ValueOrDefault(const AttributeSpec& spec, const Attributes& given);

// Typed access to checked attributes; a missing name or another type is a crash.
bool GetBool(const Attributes& attributes, std::string_view name);
std::int64_t GetInt(const Attributes& attributes, std::string_view name);
double GetDouble(const Attributes& attributes, std::string_view name);
const std::string& GetString(const Attributes& attributes, std::string_view name);
const std::vector<std::int64_t>& GetInts(const Attributes& attributes, std::string_view name);

// Name of a type, as written in error messages: "an integer".
std::string_view Name(AttributeType type);

// Text for people: `kernel=3, strides=[2,2]`.
std::string ToString(const AttributeValue& value);
std::string ToString(const Attributes& attributes);

// Canonical form, documented in architecture_encoding.h. Decoding restores names, types and values;
// it knows no specs, so that its result still has to be checked.
void EncodeAttributes(const Attributes& attributes, digest::CanonicalEncoder& encoder);
absl::StatusOr<Attributes> DecodeAttributes(digest::CanonicalDecoder& decoder);

}  // namespace graft::arch

#endif  // GRAFT_COMMON_ARCH_ATTRIBUTES_H_
