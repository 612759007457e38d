// ProcessCluster: the real programs as processes on loopback, for integration tests.
#ifndef GRAFT_TESTS_INTEGRATION_PROCESS_CLUSTER_H_
#define GRAFT_TESTS_INTEGRATION_PROCESS_CLUSTER_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/child_process.h"
#include "common/base/file.h"
#include "services/cli/cluster_client.h"

namespace graft::testing {

// Path of a built program: $GRAFT_BIN_DIR/<name>.
std::string Program(const std::string& name);
// Path below the source folder.
std::string SourcePath(const std::string& relative);

// Whether Debian's Fashion-MNIST is installed; tests skip with kNoFashionMnist where it is not.
bool HasFashionMnist();
inline constexpr char kNoFashionMnist[] =
    "Debian's dataset-fashion-mnist is not installed (deploy/scripts/install_packages.sh run)";

// What a finished command left.
struct CommandResult {
  int exit_code = -1;
  std::string output;  // standard output
  std::string errors;  // standard error
};
// Runs a command to its end.
CommandResult RunCommand(const std::vector<std::string>& arguments);

// Processes whose command line contains `text`, and those that such a process has started.
std::vector<pid_t> ProcessesWith(const std::string& text);
std::vector<pid_t> ChildrenOf(pid_t parent);
// Processes that were started with this variable, "NAME=value": inherited by all that they start.
std::vector<pid_t> ProcessesWithVariable(const std::string& variable);

struct ClusterOptions {
  int workers = 2;
  int slots = 1;        // of each worker
  bool tokens = false;  // bearer tokens for users and workers
  std::string backend;  // empty: the worker's default
};

// Weight store, controller and workers, each a process with its own folder. Not thread-safe.
class ProcessCluster {
 public:
  static absl::StatusOr<std::unique_ptr<ProcessCluster>> Start(const ClusterOptions& options);
  ~ProcessCluster();

  const std::string& address() const { return controller_address_; }
  const std::string& store_address() const { return store_address_; }
  // Empty without tokens.
  std::string user_token_file() const;
  std::string worker_token_file() const;
  std::string Path(const std::string& name) const { return folder_.Join(name); }

  // A client with the user's token.
  absl::StatusOr<std::unique_ptr<cli::ClusterClient>> Connect() const;
  // `graft --server ... arguments`, with the user's token.
  CommandResult Graft(const std::vector<std::string>& arguments) const;

  // Starts a further worker that knows two addresses and a token file, nothing else.
  absl::Status StartWorker(const std::string& name);
  base::ChildProcess& worker(int index) { return workers_[index]; }
  base::ChildProcess& controller() { return *controller_; }
  base::ChildProcess& store() { return *store_; }
  // Starts the store again where it was, on the same folder.
  absl::Status RestartStore();
  // Starts the controller again where it was, on the same database.
  absl::Status RestartController();
  // What a program has logged.
  std::string Log(const std::string& name) const;
  // Text of a program's Prometheus endpoint.
  absl::StatusOr<std::string> Metrics(const std::string& name) const;

 private:
  ProcessCluster(ClusterOptions options, base::TempDir folder);
  absl::Status StartStore(const std::string& listen);
  absl::Status StartController(const std::string& listen);
  absl::StatusOr<base::ChildProcess> Launch(const std::string& name, const std::string& program,
                                            const std::string& config);

  const ClusterOptions options_;
  base::TempDir folder_;
  std::string store_address_;
  std::string controller_address_;
  std::unique_ptr<base::ChildProcess> store_;
  std::unique_ptr<base::ChildProcess> controller_;
  std::vector<base::ChildProcess> workers_;
};

}  // namespace graft::testing

#endif  // GRAFT_TESTS_INTEGRATION_PROCESS_CLUSTER_H_
