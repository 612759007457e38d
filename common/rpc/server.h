#ifndef GRAFT_COMMON_RPC_SERVER_H_
#define GRAFT_COMMON_RPC_SERVER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "common/metrics/endpoint.h"
#include "common/metrics/registry.h"
#include "common/rpc/auth.h"

namespace grpc {
class Server;
class Service;
}  // namespace grpc
namespace graft::v1 {
class ServerConfig;
}

namespace graft::rpc {

// A message above this is refused by both sides with RESOURCE_EXHAUSTED.
inline constexpr int kMaxMessageBytes = 4 << 20;

struct ServerOptions {
  // What it serves beside health checks and reflection; must outlive the server.
  std::vector<grpc::Service*> services;
  // Who may call what, once tokens are configured.
  std::vector<MethodRule> rules;
  // Where it listens if the configuration does not say.
  std::string default_listen = "127.0.0.1:0";
  // Served at the configured metrics address; null: nothing is. Must outlive the server.
  const metrics::Registry* metrics = nullptr;
  // Called once when draining begins: must soon end calls that wait (watches, long polls).
  std::function<void()> on_drain;
};

// A gRPC server (callback API) with health service, reflection, TLS, tokens and a metrics endpoint
// as its configuration says. A client that does not answer for 30 s is given up with its calls.
// Thread-safe.
class Server {
 public:
  // Listens and serves at once; then writes the configured port file. INVALID_ARGUMENT for a bad
  // configuration, which names its field ("server.listen"); FAILED_PRECONDITION for an address
  // beyond loopback with neither tokens nor client certificates; UNAVAILABLE for an address in use.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const v1::ServerConfig& config,
                                                       const ServerOptions& options);
  // Drains.
  ~Server();

  // "host:port" with the port that was picked.
  const std::string& address() const { return address_; }
  // Empty if metrics are not served.
  std::string metrics_address() const;

  // Health turns to NOT_SERVING, new calls are refused with UNAVAILABLE, running ones may end
  // within the configured time and are then cancelled. Returns when no call is left; later calls
  // return at once.
  void Drain();

 private:
  Server() = default;
  absl::Status StartMetrics(const v1::ServerConfig& config, const metrics::Registry* metrics);
  absl::Status WritePortFile(const std::string& path) const;

  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<metrics::Endpoint> metrics_;
  std::string address_;
  absl::Duration drain_timeout_;
  std::function<void()> on_drain_;

  base::Mutex mutex_;
  bool drained_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace graft::rpc

#endif  // GRAFT_COMMON_RPC_SERVER_H_
