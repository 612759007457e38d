// What clients and servers have agreed on about HTTP/2 pings.
#ifndef GRAFT_COMMON_RPC_KEEPALIVE_H_
#define GRAFT_COMMON_RPC_KEEPALIVE_H_

namespace graft::rpc {

// Each side pings a connection that has been silent for so long, and gives it up if no answer comes
// within the time-out.
inline constexpr int kKeepaliveMs = 20'000;
inline constexpr int kKeepaliveTimeoutMs = 10'000;

}  // namespace graft::rpc

#endif  // GRAFT_COMMON_RPC_KEEPALIVE_H_
