// YAML as a way to write protobuf messages: configuration files and search files.
//
// The mapping is protobuf's JSON mapping with what people expect of YAML:
//   - fields by proto name (`max_macs`) or JSON name (`maxMacs`);
//   - enum values by full name (`EPISODE_START_GROW_ON`) or without the prefix, in lower case
//     (`grow_on`);
//   - durations as `10s`, `1m30s`; timestamps as RFC 3339; bytes as base64;
//   - google.protobuf.Struct, Value and ListValue as plain YAML;
//   - whole numbers also as `4e6`;
//   - an empty value (`key:`) or `null` leaves the field unset, but for a member of a oneof, which
//   it
//     chooses with all defaults (`policy: {random: }`).
// Unknown keys, duplicate keys, two members of a oneof, wrong types and unknown enum values are
// errors. Fields are named in errors by their path in proto names: `space.plain.filters[2]`.
#ifndef GRAFT_COMMON_CONFIG_YAML_H_
#define GRAFT_COMMON_CONFIG_YAML_H_

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace google::protobuf {
class Message;
}

namespace graft::config {

inline constexpr size_t kMaxYamlBytes = 1 << 20;
// Nesting of maps and sequences.
inline constexpr int kMaxYamlDepth = 64;
// Keys and values after expansion of aliases, which could otherwise multiply without bound.
inline constexpr int kMaxYamlValues = 200'000;

// Where in a YAML file the fields of a message stand. Thread-safe once built.
class YamlSource {
 public:
  explicit YamlSource(std::string file_name) : file_name_(std::move(file_name)) {}

  // "file:line:column", counted from 1, of the field with this path; of the nearest enclosing field
  // that is in the file if the field itself is not.
  std::string LocateField(std::string_view path) const;

  // `status` with the place of each violation (common/base/field_error.h) before it in the message:
  //   search.yaml:12:5: space.plain.filters[2]: must be ascending
  // `prefix` ("spec") is dropped from the violations' fields. A status without violations stays.
  absl::Status Explain(const absl::Status& status, std::string_view prefix = "") const;

  // Notes where a field stands; the first note holds. Line and column count from 0.
  void Record(const std::string& path, int line, int column);

 private:
  struct Position {
    int line = 0;
    int column = 0;
  };
  std::string file_name_;
  std::map<std::string, Position, std::less<>> positions_;
};

// Reads one YAML document into `message`, which is cleared first. `file_name` is used in errors
// only. An empty document gives an empty message. INVALID_ARGUMENT with the message
//   `file:line:column: field: what is wrong and what is expected`
// and a field violation; `message` is then unspecified. No limits beyond the three above.
absl::StatusOr<YamlSource> ParseYaml(std::string_view text, std::string_view file_name,
                                     google::protobuf::Message* message);

// The same from a file. Errors of reading as in common/base/file.h.
absl::StatusOr<YamlSource> LoadYamlFile(const std::string& path,
                                        google::protobuf::Message* message);

}  // namespace graft::config

#endif  // GRAFT_COMMON_CONFIG_YAML_H_
