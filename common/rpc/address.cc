#include "common/rpc/address.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/fd.h"
#include "common/base/strings.h"

namespace graft::rpc {

std::string Address::ToString() const {
  const bool v6 = host.find(':') != std::string::npos;
  return absl::StrCat(v6 ? "[" : "", host, v6 ? "]:" : ":", port);
}

bool Address::IsLoopback() const {
  return host == "localhost" || host == "::1" || absl::StartsWith(host, "127.");
}

absl::StatusOr<Address> ParseAddress(std::string_view text) {
  const auto error = [text] {
    return absl::InvalidArgumentError(
        absl::StrCat("expected an address such as 127.0.0.1:7070 or [::1]:7070, got \"",
                     base::ToAbsl(text), "\""));
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return error();
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find_first_of(":[]") != std::string_view::npos) {
    return error();
  }
  uint32_t port = 0;
  const bool number = digits.find_first_not_of("0123456789") == std::string_view::npos &&
                      absl::SimpleAtoi(base::ToAbsl(digits), &port) && port <= 0xFFFF;
  if (!number || host.empty() || host.find_first_of(" /") != std::string_view::npos) {
    return error();
  }
  return Address{std::string(host), static_cast<uint16_t>(port)};
}

absl::Status ProbeListen(const Address& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* list = nullptr;
  const int error =
      getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &list);
  if (error != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot resolve \"", address.host, "\": ", gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, &freeaddrinfo);
  const auto error_now = [&address] {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address.ToString(), ": ", std::strerror(errno)));
  };
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    const base::UniqueFd socket_fd(
        socket(entry->ai_family, entry->ai_socktype | SOCK_CLOEXEC, entry->ai_protocol));
    if (!socket_fd.valid()) return error_now();
    const int yes = 1;
    setsockopt(socket_fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(socket_fd.get(), entry->ai_addr, entry->ai_addrlen) != 0 ||
        listen(socket_fd.get(), 1) != 0) {
      return error_now();
    }
  }
  return absl::OkStatus();
}

}  // namespace graft::rpc
