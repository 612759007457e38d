#ifndef GRAFT_COMMON_CONFIG_DESCRIPTORS_H_
#define GRAFT_COMMON_CONFIG_DESCRIPTORS_H_

#include <string>
#include <string_view>

namespace google::protobuf {
class EnumValueDescriptor;
class FieldDescriptor;
}  // namespace google::protobuf

namespace graft::config::internal {

// The serialised FileDescriptorSet, comments included, that the build embeds.
std::string_view EmbeddedDescriptorSet();

// The comment above a field or an enum value in its .proto file, on one line; empty if there is
// none or the file is not embedded. Thread-safe.
std::string CommentOf(const google::protobuf::FieldDescriptor& field);
std::string CommentOf(const google::protobuf::EnumValueDescriptor& value);

}  // namespace graft::config::internal

#endif  // GRAFT_COMMON_CONFIG_DESCRIPTORS_H_
