#include "common/metrics/endpoint.h"

#include <prometheus/exposer.h>

#include <exception>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace graft::metrics {

Endpoint::Endpoint(std::unique_ptr<prometheus::Exposer> exposer, std::string address)
    : exposer_(std::move(exposer)), address_(std::move(address)) {}

Endpoint::~Endpoint() = default;

absl::StatusOr<std::unique_ptr<Endpoint>> Endpoint::Start(const std::string& address,
                                                          const Registry& registry) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("metrics address: expected host:port, got \"", address, "\""));
  }
  // civetweb knows addresses only, no names.
  std::string host = address.substr(0, colon);
  if (host == "localhost") host = "127.0.0.1";
  try {
    auto exposer = std::make_unique<prometheus::Exposer>(absl::StrCat(host, address.substr(colon)));
    exposer->RegisterCollectable(registry.collectable());
    const std::vector<int> ports = exposer->GetListeningPorts();
    if (ports.empty()) throw std::runtime_error("no listening port");
    return std::unique_ptr<Endpoint>(
        new Endpoint(std::move(exposer), absl::StrCat(host, ":", ports.front())));
  } catch (const std::exception& error) {
    return absl::UnavailableError(
        absl::StrCat("cannot serve metrics on ", address, ": ", error.what(),
                     "; is the port in use? Choose another `metrics_listen`."));
  }
}

}  // namespace graft::metrics
