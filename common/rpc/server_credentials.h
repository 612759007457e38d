#ifndef GRAFT_COMMON_RPC_SERVER_CREDENTIALS_H_
#define GRAFT_COMMON_RPC_SERVER_CREDENTIALS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "common/rpc/auth.h"

namespace grpc {
class ServerCredentials;
}
namespace graft::v1 {
class TlsConfig;
}

namespace graft::rpc {

// Credentials of a server that refuse, before a handler is reached, the calls that `authenticator`
// refuses. `tls` null: plain text. Otherwise its files are read now and again every minute, so that
// certificates can be renewed; with root_certificates, clients must present a certificate. Errors
// of a TLS file name it; INVALID_ARGUMENT if certificate or key is not given.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const v1::TlsConfig* tls, std::shared_ptr<const Authenticator> authenticator);

}  // namespace graft::rpc

#endif  // GRAFT_COMMON_RPC_SERVER_CREDENTIALS_H_
