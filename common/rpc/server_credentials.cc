#include "common/rpc/server_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <string>
#include <utility>

#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/rpc/status_conversion.h"
#include "common/rpc/tls_files.h"
#include "proto/graft/v1/config.pb.h"

namespace graft::rpc {
namespace {

constexpr std::string_view kAuthorization = "authorization";
constexpr std::string_view kPath = ":path";

// Asks the authenticator about each call on a TLS connection.
class TokenProcessor final : public grpc::AuthMetadataProcessor {
 public:
  explicit TokenProcessor(std::shared_ptr<const Authenticator> authenticator)
      : authenticator_(std::move(authenticator)) {}

  bool IsBlocking() const override { return false; }

  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext*, OutputMetadata* consumed,
                       OutputMetadata*) override {
    const std::string_view authorization = Find(metadata, kAuthorization);
    if (!authorization.empty()) consumed->emplace(kAuthorization, authorization);
    return ToGrpc(authenticator_->Check(authorization, Find(metadata, kPath)));
  }

 private:
  static std::string_view Find(const InputMetadata& metadata, std::string_view key) {
    const auto found = metadata.find(grpc::string_ref(key.data(), key.size()));
    if (found == metadata.end()) return {};
    return {found->second.data(), found->second.size()};
  }

  const std::shared_ptr<const Authenticator> authenticator_;
};

std::string_view View(const grpc_slice& slice) {
  return {reinterpret_cast<const char*>(GRPC_SLICE_START_PTR(slice)), GRPC_SLICE_LENGTH(slice)};
}

// The same for plain text, where grpc++ has no place for a processor but the core library below
// has.
class PlaintextCredentials final : public grpc::ServerCredentials {
 public:
  explicit PlaintextCredentials(std::shared_ptr<const Authenticator> authenticator)
      : authenticator_(std::move(authenticator)) {}

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  using Shared = std::shared_ptr<const Authenticator>;

  int AddPortToServer(const std::string& address, grpc_server* server) override {
    grpc_server_credentials* credentials = grpc_insecure_server_credentials_create();
    grpc_auth_metadata_processor processor{};
    processor.process = &Process;
    processor.destroy = [](void* state) { delete static_cast<Shared*>(state); };
    processor.state = new Shared(authenticator_);
    grpc_server_credentials_set_auth_metadata_processor(credentials, processor);
    const int port = grpc_server_add_http2_port(server, address.c_str(), credentials);
    grpc_server_credentials_release(credentials);
    return port;
  }

  static void Process(void* state, grpc_auth_context*, const grpc_metadata* metadata, size_t count,
                      grpc_process_auth_metadata_done_cb done, void* user_data) {
    std::string_view authorization;
    std::string_view path;
    const grpc_metadata* token = nullptr;
    for (size_t i = 0; i < count; ++i) {
      if (View(metadata[i].key) == kPath) path = View(metadata[i].value);
      if (View(metadata[i].key) != kAuthorization || token != nullptr) continue;
      token = &metadata[i];
      authorization = View(token->value);
    }
    const absl::Status status = (*static_cast<Shared*>(state))->Check(authorization, path);
    done(user_data, token, token == nullptr ? 0 : 1, nullptr, 0,
         static_cast<grpc_status_code>(status.code()), std::string(status.message()).c_str());
  }

  const Shared authenticator_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const v1::TlsConfig* tls, std::shared_ptr<const Authenticator> authenticator) {
  if (tls == nullptr) {
    return std::make_shared<PlaintextCredentials>(std::move(authenticator));
  }
  if (tls->certificate().empty() || tls->private_key().empty()) {
    return base::InvalidFieldError("tls", "a server needs `certificate` and `private_key`");
  }
  ASSIGN_OR_RETURN(auto provider, WatchTlsFiles(*tls));
  grpc::experimental::TlsServerCredentialsOptions options(std::move(provider));
  options.watch_identity_key_cert_pairs();
  if (!tls->root_certificates().empty()) {
    options.watch_root_certs();
    options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  std::shared_ptr<grpc::ServerCredentials> credentials =
      grpc::experimental::TlsServerCredentials(options);
  credentials->SetAuthMetadataProcessor(std::make_shared<TokenProcessor>(std::move(authenticator)));
  return credentials;
}

}  // namespace graft::rpc
