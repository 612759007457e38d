#include <google/protobuf/util/message_differencer.h>

#include "common/base/check.h"
#include "common/config/yaml.h"
#include "common/config/yaml_writer.h"
#include "proto/graft/v1/search.pb.h"
#include "services/controller/wire/search_spec_wire.h"
#include "tests/fuzz/fuzz_target.h"

namespace graft::fuzz {

using ::google::protobuf::util::MessageDifferencer;

bool DecodeAndCheck(std::string_view input) {
  v1::SearchSpec proto;
  if (!config::ParseYaml(input, "input", &proto).ok()) return false;
  const std::string yaml = config::ToYaml(proto);
  v1::SearchSpec again;
  GRAFT_CHECK_OK(config::ParseYaml(yaml, "again", &again).status());
  GRAFT_CHECK(MessageDifferencer::Equals(proto, again)) << yaml;

  const absl::StatusOr<controller::SearchSpec> spec = controller::FromProto(proto);
  if (!spec.ok()) return false;
  const v1::SearchSpec written = controller::ToProto(*spec);
  const absl::StatusOr<controller::SearchSpec> read = controller::FromProto(written);
  GRAFT_CHECK_OK(read.status());
  GRAFT_CHECK(MessageDifferencer::Equals(controller::ToProto(*read), written))
      << written.DebugString();
  return true;
}

std::vector<std::string> Seeds() { return ReadFiles("deploy/examples", {".yaml"}); }

}  // namespace graft::fuzz
