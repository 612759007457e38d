#include "common/rpc/server.h"

#include <grpc/impl/codegen/grpc_types.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/field_error.h"
#include "common/base/file.h"
#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/rpc/address.h"
#include "common/rpc/keepalive.h"
#include "common/rpc/server_credentials.h"
#include "common/wire/time_wire.h"
#include "proto/graft/v1/config.pb.h"

namespace graft::rpc {
namespace {

constexpr absl::Duration kDefaultDrainTimeout = absl::Seconds(10);
constexpr absl::Duration kMaxDrainTimeout = absl::Hours(1);
// A client that pings more often is turned away: half of what clients do, as pings bunch up.
constexpr int kMinPingIntervalMs = kKeepaliveMs / 2;
constexpr std::string_view kReflectionPrefix = "/grpc.reflection.";

absl::StatusOr<Address> ListenAddress(const v1::ServerConfig& config,
                                      const std::string& default_listen) {
  absl::StatusOr<Address> address =
      ParseAddress(config.listen().empty() ? default_listen : config.listen());
  if (address.ok()) return address;
  return base::InvalidFieldError("server.listen", base::ToStd(address.status().message()));
}

absl::StatusOr<absl::Duration> DrainTimeout(const v1::ServerConfig& config) {
  if (!config.has_drain_timeout()) return kDefaultDrainTimeout;
  const absl::StatusOr<absl::Duration> timeout = wire::FromProto(config.drain_timeout());
  if (!timeout.ok() || *timeout < absl::ZeroDuration() || *timeout > kMaxDrainTimeout) {
    return base::InvalidFieldError("server.drain_timeout", "expected 0s to 1h");
  }
  return timeout;
}

absl::Status CheckExposure(const Address& address, const v1::ServerConfig& config) {
  const bool client_certificates = !config.tls().root_certificates().empty();
  if (address.IsLoopback() || config.tokens_size() > 0 || client_certificates) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "refusing to listen on ", address.ToString(), " where anybody could connect: configure ",
      "`server.tokens` (or `server.tls` with `root_certificates`), or listen on 127.0.0.1"));
}

void EnableHealthAndReflectionOnce() {
  static std::once_flag once;
  std::call_once(once, [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
}

void Configure(grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder->SetMaxSendMessageSize(kMaxMessageBytes);
  // Two servers on one port would each get some of the calls.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // A client that has vanished from a stream is noticed although the server only sends.
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                              kMinPingIntervalMs);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const v1::ServerConfig& config,
                                                      const ServerOptions& options) {
  ASSIGN_OR_RETURN(Address address, ListenAddress(config, options.default_listen));
  RETURN_IF_ERROR(CheckExposure(address, config));
  std::vector<MethodRule> rules = options.rules;
  rules.push_back({std::string(kReflectionPrefix), Roles::All()});
  auto authenticator = std::make_shared<Authenticator>(std::move(rules));
  RETURN_IF_ERROR(AddTokens(config, authenticator.get()));
  ASSIGN_OR_RETURN(
      auto credentials,
      MakeServerCredentials(config.has_tls() ? &config.tls() : nullptr, authenticator));
  if (authenticator->enabled() && !config.has_tls() && !address.IsLoopback()) {
    base::LogWarning("tokens travel unencrypted; configure TLS or use a private network",
                     {{"listen", address.ToString()}});
  }

  auto server = std::unique_ptr<Server>(new Server());
  ASSIGN_OR_RETURN(server->drain_timeout_, DrainTimeout(config));
  server->on_drain_ = options.on_drain;
  EnableHealthAndReflectionOnce();
  grpc::ServerBuilder builder;
  Configure(&builder);
  int port = 0;
  builder.AddListeningPort(address.ToString(), credentials, &port);
  for (grpc::Service* service : options.services) builder.RegisterService(service);
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr || port == 0) {
    // gRPC does not say why; the system does.
    RETURN_IF_ERROR(ProbeListen(address));
    return absl::UnavailableError(absl::StrCat("cannot listen on ", address.ToString()));
  }
  address.port = static_cast<uint16_t>(port);
  server->address_ = address.ToString();
  RETURN_IF_ERROR(server->StartMetrics(config, options.metrics));
  if (!config.port_file().empty()) RETURN_IF_ERROR(server->WritePortFile(config.port_file()));
  base::LogInfo("serving", {{"address", server->address_},
                            {"metrics", server->metrics_address()},
                            {"tls", config.has_tls()},
                            {"tokens", config.tokens_size()}});
  return server;
}

Server::~Server() { Drain(); }

std::string Server::metrics_address() const {
  return metrics_ == nullptr ? "" : metrics_->address();
}

absl::Status Server::StartMetrics(const v1::ServerConfig& config,
                                  const metrics::Registry* metrics) {
  if (metrics == nullptr || config.metrics_listen().empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(metrics_, metrics::Endpoint::Start(config.metrics_listen(), *metrics));
  return absl::OkStatus();
}

absl::Status Server::WritePortFile(const std::string& path) const {
  std::string text = absl::StrCat("grpc=", address_, "\n");
  if (metrics_ != nullptr) absl::StrAppend(&text, "metrics=", metrics_->address(), "\n");
  return base::WriteFileDurably(path, text);
}

void Server::Drain() {
  base::MutexLock lock(&mutex_);
  if (drained_ || server_ == nullptr) return;
  drained_ = true;
  if (auto* health = server_->GetHealthCheckService(); health != nullptr) health->Shutdown();
  if (on_drain_) on_drain_();
  server_->Shutdown(absl::ToChronoTime(absl::Now() + drain_timeout_));
  server_->Wait();
}

}  // namespace graft::rpc
