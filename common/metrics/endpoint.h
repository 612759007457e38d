#ifndef GRAFT_COMMON_METRICS_ENDPOINT_H_
#define GRAFT_COMMON_METRICS_ENDPOINT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/metrics/registry.h"

namespace prometheus {
class Exposer;
}

namespace graft::metrics {

// Serves a registry over HTTP at /metrics until destroyed. Thread-safe.
class Endpoint {
 public:
  // `address`: "host:port"; port 0 picks a free one. The registry must outlive the endpoint.
  // UNAVAILABLE if it cannot listen there, INVALID_ARGUMENT if `address` is malformed.
  static absl::StatusOr<std::unique_ptr<Endpoint>> Start(const std::string& address,
                                                         const Registry& registry);
  ~Endpoint();

  // "host:port" with the port that was picked.
  const std::string& address() const { return address_; }

 private:
  Endpoint(std::unique_ptr<prometheus::Exposer> exposer, std::string address);

  std::unique_ptr<prometheus::Exposer> exposer_;
  std::string address_;
};

}  // namespace graft::metrics

#endif  // GRAFT_COMMON_METRICS_ENDPOINT_H_
