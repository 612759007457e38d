// The one conversion between absl::Status and grpc::Status.
//
// Over the wire an error is a google.rpc.Status with an ErrorInfo (domain "graft"; its reason is
// that of base::WithReason, or else the name of the code) and, where the status names fields
// (common/base/field_error.h), a BadRequest. Both survive the way there and back; other payloads
// stay behind. Long messages and long lists of violations are cut, because trailing metadata is
// limited to 8 KiB by default.
#ifndef GRAFT_COMMON_RPC_STATUS_CONVERSION_H_
#define GRAFT_COMMON_RPC_STATUS_CONVERSION_H_

#include <string_view>

#include "absl/status/status.h"

namespace grpc {
class Status;
}

namespace graft::rpc {

inline constexpr std::string_view kErrorDomain = "graft";

grpc::Status ToGrpc(const absl::Status& status);

// Details that cannot be parsed are left out.
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace graft::rpc

#endif  // GRAFT_COMMON_RPC_STATUS_CONVERSION_H_
