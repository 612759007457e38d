// Trials on the tiny task, as a worker and its trainer get them.
#ifndef GRAFT_TESTS_UNIT_WORKER_TESTING_H_
#define GRAFT_TESTS_UNIT_WORKER_TESTING_H_

#include <cstdlib>
#include <string>

#include "common/base/check.h"
#include "common/trial/trial_spec.h"
#include "common/wire/trial_wire.h"
#include "proto/graft/v1/trainer.pb.h"
#include "proto/graft/v1/trial_service.pb.h"
#include "tests/unit/runner/testing.h"

namespace graft::worker {

// Long enough that it only ends if it is told to.
inline constexpr std::int64_t kEndlessEpochs = 100'000;

inline std::string Program(const std::string& name) {
  const char* folder = std::getenv("GRAFT_BIN_DIR");
  GRAFT_CHECK(folder != nullptr) << "GRAFT_BIN_DIR is not set: run the test through ctest";
  return std::string(folder) + "/" + name;
}

inline v1::Lease LeaseOf(const std::string& trial, const trial::TrialSpec& spec) {
  v1::Lease lease;
  lease.set_trial(trial);
  lease.set_attempt(1);
  *lease.mutable_spec() = wire::ToProto(spec);
  lease.set_fingerprint(spec.architecture.fingerprint().ToString());
  lease.mutable_duration()->set_seconds(30);
  lease.set_display_name("searches/tiny/trials/" + trial);
  return lease;
}

}  // namespace graft::worker

#endif  // GRAFT_TESTS_UNIT_WORKER_TESTING_H_
