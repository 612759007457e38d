#include "common/base/check.h"
#include "common/trial/trial_key.h"
#include "common/wire/trial_wire.h"
#include "proto/graft/v1/trial.pb.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/unit/trial/testing.h"

namespace graft::fuzz {

bool DecodeAndCheck(std::string_view input) {
  v1::TrialSpec proto;
  if (!proto.ParseFromArray(input.data(), static_cast<int>(input.size()))) return false;
  const absl::StatusOr<trial::TrialSpec> spec = wire::FromProto(proto);
  if (!spec.ok()) return false;
  const absl::StatusOr<trial::TrialSpec> again = wire::FromProto(wire::ToProto(*spec));
  GRAFT_CHECK_OK(again.status());
  GRAFT_CHECK(trial::KeyOf(*again, "numerics") == trial::KeyOf(*spec, "numerics"));
  return true;
}

std::vector<std::string> Seeds() {
  return {wire::ToProto(trial::InitSpec()).SerializeAsString(),
          wire::ToProto(trial::DeriveSpec()).SerializeAsString()};
}

}  // namespace graft::fuzz
