// For server_credentials.cc and client.cc alone.
#ifndef GRAFT_COMMON_RPC_TLS_FILES_H_
#define GRAFT_COMMON_RPC_TLS_FILES_H_

#include <memory>

#include "absl/status/statusor.h"

namespace grpc::experimental {
class CertificateProviderInterface;
}
namespace graft::v1 {
class TlsConfig;
}

namespace graft::rpc {

// Checks that the files named in `tls` can be read, then watches them for changes, once a minute.
// INVALID_ARGUMENT if only one of certificate and key is given, or none of the three files.
absl::StatusOr<std::shared_ptr<grpc::experimental::CertificateProviderInterface>> WatchTlsFiles(
    const v1::TlsConfig& tls);

}  // namespace graft::rpc

#endif  // GRAFT_COMMON_RPC_TLS_FILES_H_
