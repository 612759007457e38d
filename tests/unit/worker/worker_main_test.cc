// The worker's program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "common/base/child_process.h"
#include "common/base/file.h"
#include "tests/unit/worker/testing.h"

namespace graft::worker {
namespace {

// Long for a program that only has to end, short of the test's own limit.
constexpr absl::Duration kPatience = absl::Seconds(30);

TEST(WorkerMainTest, EndsOnSigtermWhileItStillWaitsForTheController) {
  const base::TempDir folder = base::TempDir::Create().value();
  const std::string log = folder.Join("log");
  // Port 1 of loopback: nobody listens there.
  auto worker = base::ChildProcess::Start(
      {.arguments = {Program("graft-worker"), "--controller=127.0.0.1:1", "--slots=1",
                     "--directory=" + folder.Join("worker"), "--log-level=debug"},
       .log_path = log,
       .ends_with_parent = true});
  ASSERT_TRUE(worker.ok()) << worker.status();
  const absl::Time deadline = absl::Now() + kPatience;
  while (!absl::StrContains(base::ReadFile(log).value_or(""), "asking the controller") &&
         absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(10));
  }
  EXPECT_EQ(worker->Stop(kPatience), "exited with status 0") << base::ReadFile(log).value_or("");
}

}  // namespace
}  // namespace graft::worker
