#include "common/base/check.h"
#include "common/config/yaml.h"
#include "common/config/yaml_writer.h"
#include "common/wire/architecture_wire.h"
#include "proto/graft/v1/architecture.pb.h"
#include "tests/fuzz/fuzz_target.h"

namespace graft::fuzz {

bool DecodeAndCheck(std::string_view input) {
  v1::Architecture proto;
  if (!config::ParseYaml(input, "input", &proto).ok()) return false;
  const absl::StatusOr<arch::Architecture> architecture =
      wire::ExpandFromProto(proto, {.input_shape = {3, 32, 32}});
  if (!architecture.ok()) return false;
  v1::Architecture again;
  GRAFT_CHECK_OK(
      config::ParseYaml(config::ToYaml(wire::ToProto(*architecture)), "again", &again).status());
  const absl::StatusOr<arch::Architecture> read = wire::FromProto(again);
  GRAFT_CHECK_OK(read.status());
  GRAFT_CHECK(read->fingerprint() == architecture->fingerprint());
  return true;
}

std::vector<std::string> Seeds() {
  return {R"(layers:
  - {id: conv, op: convolution, attributes: {filters: 4, kernel: [3, 3]}}
  - {op: batch_norm}
  - {op: relu}
  - {op: max_pool, attributes: {kernel: 2}}
  - {op: dropout, attributes: {rate: 0.25}}
  - {op: global_average_pool}
  - {op: linear, attributes: {units: 10, bias: true}}
)",
          R"({"layers": [
  {"id": "x", "op": "input", "attributes": {"shape": [2, 6, 6]}},
  {"id": "a", "op": "convolution", "attributes": {"filters": 2, "kernel": 1}, "operands": ["x"]},
  {"id": "b", "op": "add", "operands": ["a", "x"]},
  {"id": "c", "op": "concat", "operands": ["a", "b"]}],
 "outputs": [{"name": "y", "layer": "c"}]}
)"};
}

}  // namespace graft::fuzz
