// The walk of a YAML tree along a message's descriptor. The only header that shows yaml-cpp.
#ifndef GRAFT_COMMON_CONFIG_YAML_READER_H_
#define GRAFT_COMMON_CONFIG_YAML_READER_H_

#include <yaml-cpp/yaml.h>

#include <string_view>

#include "absl/status/statusor.h"
#include "common/config/yaml.h"

namespace graft::config::internal {

// As ParseYaml, from a tree. May throw YAML::Exception.
absl::StatusOr<YamlSource> ReadDocument(const YAML::Node& root, std::string_view file_name,
                                        google::protobuf::Message* message);

}  // namespace graft::config::internal

#endif  // GRAFT_COMMON_CONFIG_YAML_READER_H_
