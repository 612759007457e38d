// Session: the options that all verbs share, and the action that the chosen verb has set.
#ifndef GRAFT_SERVICES_CLI_SESSION_H_
#define GRAFT_SERVICES_CLI_SESSION_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/cli/cluster_client.h"
#include "services/cli/output.h"

namespace graft::cli {

// Not thread-safe; lives in main.
struct Session {
  // `host:port` of the controller. Empty: the endpoint file of `graft local` in kDefaultLocalDir,
  // else kDefaultServer.
  std::string server;
  // `host:port`. Empty: what the controller says.
  std::string weight_store;
  std::string token_file;
  std::string tls_root;
  OutputFormat format = OutputFormat::kTable;

  // What the chosen verb does.
  std::function<absl::Status()> action;

  bool json() const { return format == OutputFormat::kJson; }

  // A client of the controller. INVALID_ARGUMENT: a token or certificate file cannot be read.
  absl::StatusOr<std::unique_ptr<ClusterClient>> Connect() const;
};

inline constexpr char kDefaultServer[] = "127.0.0.1:7070";
inline constexpr char kDefaultLocalDir[] = "graft-local";
// File in the folder of `graft local` with the controller's address.
inline constexpr char kEndpointFile[] = "endpoint";

}  // namespace graft::cli

#endif  // GRAFT_SERVICES_CLI_SESSION_H_
