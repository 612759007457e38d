#ifndef GRAFT_COMMON_CONFIG_SET_FIELD_H_
#define GRAFT_COMMON_CONFIG_SET_FIELD_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace google::protobuf {
class Message;
}

namespace graft::config {

// Sets one single-valued field, given by its path in proto names ("server.listen"), from text as it
// would stand in a YAML file. For flags that override a file. INVALID_ARGUMENT says what was
// expected; a path that is not that of a single-valued, non-message field is a broken invariant.
absl::Status SetField(std::string_view path, const std::string& text,
                      google::protobuf::Message* message);

}  // namespace graft::config

#endif  // GRAFT_COMMON_CONFIG_SET_FIELD_H_
