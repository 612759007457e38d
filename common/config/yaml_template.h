#ifndef GRAFT_COMMON_CONFIG_YAML_TEMPLATE_H_
#define GRAFT_COMMON_CONFIG_YAML_TEMPLATE_H_

#include <string>

namespace google::protobuf {
class Message;
}

namespace graft::config {

// A YAML file to start from: the fields that `example` sets, as ToYaml writes them, and every other
// field of its type, commented out; each under the comment that it has in its .proto file, enums
// with their values. Deleting the '#' before a field's name puts the field into effect:
//
//   # Episodes. 0: 1.
//   episodes: 4
//   # Children an episode. 0: 8.
//   #children_per_episode: 0
//
// ParseYaml reads it back to `example`. Fields whose comment begins with "Output only" are left out
// unless set. `example` is of a type of proto/graft/v1 that is used in files (search.proto,
// config.proto and what they import); other types come without comments.
std::string WriteCommentedYaml(const google::protobuf::Message& example);

}  // namespace graft::config

#endif  // GRAFT_COMMON_CONFIG_YAML_TEMPLATE_H_
