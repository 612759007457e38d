#ifndef GRAFT_COMMON_RPC_ADDRESS_H_
#define GRAFT_COMMON_RPC_ADDRESS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace graft::rpc {

// A place to listen on or to connect to.
struct Address {
  std::string host;  // a name, an IPv4 address, or an IPv6 address without brackets
  uint16_t port = 0;

  // "host:port", with brackets around an IPv6 address.
  std::string ToString() const;
  // Whether only this machine can reach it: 127.0.0.0/8, ::1 and "localhost".
  bool IsLoopback() const;
};

// Parses "host:port" or "[v6]:port". INVALID_ARGUMENT otherwise; an empty host is an error, so that
// nobody listens everywhere by accident.
absl::StatusOr<Address> ParseAddress(std::string_view text);

// Tries to listen on `address`: OK if it could, else UNAVAILABLE with the system's reason, or
// INVALID_ARGUMENT if the host is unknown.
absl::Status ProbeListen(const Address& address);

}  // namespace graft::rpc

#endif  // GRAFT_COMMON_RPC_ADDRESS_H_
