#ifndef GRAFT_COMMON_RPC_CLIENT_H_
#define GRAFT_COMMON_RPC_CLIENT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace grpc {
class Channel;
class ClientContext;
}  // namespace grpc
namespace graft::v1 {
class ClientConfig;
}

namespace graft::rpc {

// A channel to a server. It connects when it is used and again whenever the connection breaks,
// sends the configured token with every call, in plain text as well (a warning is logged if that
// leaves the machine), and notices a dead peer within 30 s. INVALID_ARGUMENT for a malformed
// address or TLS configuration; errors of reading a file name it.
absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const v1::ClientConfig& config);

// The call fails with DEADLINE_EXCEEDED after `timeout`.
void SetTimeout(absl::Duration timeout, grpc::ClientContext* context);

}  // namespace graft::rpc

#endif  // GRAFT_COMMON_RPC_CLIENT_H_
