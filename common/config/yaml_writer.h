#ifndef GRAFT_COMMON_CONFIG_YAML_WRITER_H_
#define GRAFT_COMMON_CONFIG_YAML_WRITER_H_

#include <string>

namespace google::protobuf {
class FieldDescriptor;
class Message;
}  // namespace google::protobuf

namespace graft::config {

// `message` as YAML that ParseYaml reads back to an equal message. Fields in the proto's order, map
// keys sorted, lists and small messages on one line where they fit 100 columns. Empty if nothing is
// set. A message without fields set is `{}`. Numbers must be finite.
std::string ToYaml(const google::protobuf::Message& message);

namespace internal {

// The value of a field that is set, on one line: `4`, `[1, 2]`, `{op: relu}`.
std::string FlowValue(const google::protobuf::FieldDescriptor& field,
                      const google::protobuf::Message& message);

// The lines of `name: value` of a field that is set, each starting with `indent` spaces.
std::string FieldLines(const google::protobuf::FieldDescriptor& field,
                       const google::protobuf::Message& message, int indent);

// Whether the field's values are written in one piece, without names of proto fields in them:
// single values, maps, durations, structs.
bool IsLeaf(const google::protobuf::FieldDescriptor& field);

}  // namespace internal
}  // namespace graft::config

#endif  // GRAFT_COMMON_CONFIG_YAML_WRITER_H_
