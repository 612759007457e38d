#include "common/rpc/client.h"

#include <grpc/impl/codegen/grpc_types.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <grpcpp/support/client_interceptor.h>

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "common/rpc/address.h"
#include "common/rpc/auth.h"
#include "common/rpc/keepalive.h"
#include "common/rpc/server.h"
#include "common/rpc/tls_files.h"
#include "proto/graft/v1/config.pb.h"

namespace graft::rpc {
namespace {

using ::grpc::experimental::ClientInterceptorFactoryInterface;
using ::grpc::experimental::InterceptionHookPoints;
using ::grpc::experimental::Interceptor;
using ::grpc::experimental::InterceptorBatchMethods;

constexpr int kFirstReconnectMs = 200;
// Also how long a first attempt to connect may take, and the least time between two attempts.
constexpr int kLeastReconnectMs = 1'000;
constexpr int kLongestReconnectMs = 5'000;
constexpr int kMaxMetadataBytes = 64 << 10;

// Adds the token to each call. (Call credentials would refuse a plain-text channel.)
class TokenInterceptor final : public Interceptor {
 public:
  explicit TokenInterceptor(const std::string* authorization) : authorization_(authorization) {}

  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      methods->GetSendInitialMetadata()->emplace("authorization", *authorization_);
    }
    methods->Proceed();
  }

 private:
  const std::string* const authorization_;
};

class TokenInterceptorFactory final : public ClientInterceptorFactoryInterface {
 public:
  explicit TokenInterceptorFactory(const std::string& token)
      : authorization_(absl::StrCat("Bearer ", token)) {}

  Interceptor* CreateClientInterceptor(grpc::experimental::ClientRpcInfo*) override {
    return new TokenInterceptor(&authorization_);
  }

 private:
  const std::string authorization_;
};

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials(
    const v1::ClientConfig& config) {
  if (!config.has_tls()) return grpc::InsecureChannelCredentials();
  ASSIGN_OR_RETURN(auto provider, WatchTlsFiles(config.tls()));
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(std::move(provider));
  if (!config.tls().root_certificates().empty()) options.watch_root_certs();
  if (!config.tls().certificate().empty()) options.watch_identity_key_cert_pairs();
  return grpc::experimental::TlsCredentials(options);
}

grpc::ChannelArguments Arguments(const Address& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  // A watch receives for hours and sends nothing.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kLeastReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kLongestReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  if (address.IsLoopback()) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return arguments;
}

// A channel and a thread that drives its connection.
//
// gRPC's blocking calls move a channel's sockets only while a call waits on them. A client that is
// refused once and sleeps until its next try never completes the handshake of the reconnect that
// gRPC begins meanwhile, and each try fails at once. The thread waits for changes of the
// connection's state, which keeps the sockets moving whoever else does.
class DrivenChannel {
 public:
  explicit DrivenChannel(std::shared_ptr<grpc::Channel> channel)
      : channel_(std::move(channel)),
        driver_([this](const std::stop_token& stop) { Drive(stop); }) {}

  grpc::Channel* channel() const { return channel_.get(); }

 private:
  // Also how long the destruction may wait.
  static constexpr std::chrono::milliseconds kTurn{100};

  void Drive(const std::stop_token& stop) {
    grpc::CompletionQueue queue;
    while (!stop.stop_requested()) {
      channel_->NotifyOnStateChange(channel_->GetState(/*try_to_connect=*/false),
                                    std::chrono::system_clock::now() + kTurn, &queue, nullptr);
      void* tag = nullptr;
      bool changed = false;
      queue.Next(&tag, &changed);
    }
    queue.Shutdown();
  }

  const std::shared_ptr<grpc::Channel> channel_;
  std::jthread driver_;  // last: it uses the channel
};

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const v1::ClientConfig& config) {
  ASSIGN_OR_RETURN(const Address address, ParseAddress(config.address()));
  ASSIGN_OR_RETURN(auto credentials, Credentials(config));
  std::vector<std::unique_ptr<ClientInterceptorFactoryInterface>> interceptors;
  if (!config.token_path().empty()) {
    ASSIGN_OR_RETURN(const std::string token, ReadTokenFile(config.token_path()));
    interceptors.push_back(std::make_unique<TokenInterceptorFactory>(token));
    if (!config.has_tls() && !address.IsLoopback()) {
      base::LogWarning("the token travels unencrypted; configure TLS or use a private network",
                       {{"address", config.address()}});
    }
  }
  const auto driven =
      std::make_shared<DrivenChannel>(grpc::experimental::CreateCustomChannelWithInterceptors(
          address.ToString(), credentials, Arguments(address), std::move(interceptors)));
  return std::shared_ptr<grpc::Channel>(driven, driven->channel());
}

void SetTimeout(absl::Duration timeout, grpc::ClientContext* context) {
  context->set_deadline(absl::ToChronoTime(absl::Now() + timeout));
}

}  // namespace graft::rpc
