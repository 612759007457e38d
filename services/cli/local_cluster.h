// LocalCluster: controller, weight store and a worker as processes on loopback, in one folder.
#ifndef GRAFT_SERVICES_CLI_LOCAL_CLUSTER_H_
#define GRAFT_SERVICES_CLI_LOCAL_CLUSTER_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/child_process.h"
#include "common/base/file.h"

namespace graft::cli {

struct LocalOptions {
  std::string directory;       // state, logs and configuration; made if missing
  std::string listen;          // of the controller, host:port; port 0: any free one
  std::int64_t slots = 0;      // trials at once; 0: one a core
  std::string kernel_table;    // file; empty: the one that is shipped
  std::string program_folder;  // where the other programs are
};

// Starts the programs, starts a crashed one again, stops them in order. What a former run left in
// the folder is taken up again. Not thread-safe; SIGCHLD must be blocked in the calling thread.
class LocalCluster {
 public:
  // Starts everything and waits until the controller answers.
  // FAILED_PRECONDITION: the folder is in use by another cluster, whose address the message names.
  // UNAVAILABLE: the address is in use, or a program does not come up; its last log lines follow.
  static absl::StatusOr<std::unique_ptr<LocalCluster>> Start(const LocalOptions& options);

  // host:port of the controller; "http://.../metrics" of each program.
  const std::string& endpoint() const { return endpoint_; }
  std::vector<std::string> metrics_urls() const;

  // Starts what has ended again. RESOURCE_EXHAUSTED, with its last log lines, if a program ends too
  // often.
  absl::Status RestartEnded();

  // Worker, controller, store: each gets SIGTERM and time to drain.
  void Stop();

 private:
  struct Member {
    std::string name;     // "weight-store"
    std::string program;  // path
    std::string config_path;
    std::string log_path;
    std::string port_path;
    std::optional<base::ChildProcess> process;
    std::vector<absl::Time> restarts;
    std::string metrics_address;
  };

  LocalCluster(LocalOptions options, base::FileLock lock);

  Member NewMember(const std::string& name) const;
  // Each is told afterwards to serve where it does: a restarted one is found where it was.
  absl::Status StartWeightStore();
  absl::Status StartController();
  absl::Status StartWorker();
  absl::Status Launch(Member& member);
  // The `grpc=` address of the port file once the program has written it.
  absl::StatusOr<std::string> AwaitPorts(Member& member, bool needs_grpc);

  const LocalOptions options_;
  const base::FileLock lock_;
  std::string store_address_;
  std::string endpoint_;
  std::vector<Member> members_;  // in order of start
};

}  // namespace graft::cli

#endif  // GRAFT_SERVICES_CLI_LOCAL_CLUSTER_H_
