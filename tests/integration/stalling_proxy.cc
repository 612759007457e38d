#include "tests/integration/stalling_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/rpc/address.h"

namespace graft::testing {
namespace {

constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

base::UniqueFd NewSocket() {
  return base::UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

base::UniqueFd ConnectTo(int port) {
  base::UniqueFd connection = NewSocket();
  const sockaddr_in address = Loopback(port);
  if (connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) !=
      0) {
    connection.Reset();
  }
  return connection;
}

// Passes on what is there, at most `limit_bytes`. Returns how many bytes; 0 if either side has
// ended.
std::int64_t PassOn(int from, int to, std::int64_t limit_bytes) {
  std::array<char, 1 << 16> buffer;
  const std::size_t size = std::min<std::uint64_t>(buffer.size(), limit_bytes);
  const ssize_t got = read(from, buffer.data(), size);
  if (got <= 0) return 0;
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
  return base::WriteFully(to, bytes, "proxy").ok() ? got : 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<StallingProxy>> StallingProxy::Start(const std::string& server,
                                                                    std::int64_t limit_bytes) {
  ASSIGN_OR_RETURN(const rpc::Address address, rpc::ParseAddress(server));
  std::unique_ptr<StallingProxy> proxy(new StallingProxy(address.port, limit_bytes));
  proxy->listener_ = NewSocket();
  proxy->stalled_ = base::UniqueFd(eventfd(0, EFD_CLOEXEC));
  proxy->closing_ = base::UniqueFd(eventfd(0, EFD_CLOEXEC));
  sockaddr_in own = Loopback(0);
  socklen_t size = sizeof(own);
  auto* const raw = reinterpret_cast<sockaddr*>(&own);
  const int listener = proxy->listener_.get();
  if (bind(listener, raw, size) != 0 || listen(listener, 1) != 0 ||
      getsockname(listener, raw, &size) != 0) {
    return base::PosixError(errno, "listen");
  }
  proxy->port_ = ntohs(own.sin_port);
  proxy->thread_ = std::thread([proxy = proxy.get()] { proxy->Serve(); });
  return proxy;
}

StallingProxy::~StallingProxy() {
  if (!thread_.joinable()) return;
  eventfd_write(closing_.get(), 1);
  thread_.join();
}

std::string StallingProxy::address() const { return absl::StrCat("127.0.0.1:", port_); }

absl::Status StallingProxy::AwaitStall(absl::Duration patience) {
  pollfd event{.fd = stalled_.get(), .events = POLLIN};
  if (poll(&event, 1, static_cast<int>(absl::ToInt64Milliseconds(patience))) == 1) {
    return absl::OkStatus();
  }
  return absl::DeadlineExceededError("the connection did not carry as much as its limit");
}

void StallingProxy::Serve() {
  base::UniqueFd client;
  base::UniqueFd server;
  std::int64_t passed = 0;
  while (true) {
    // poll passes over negative descriptors.
    const bool stalled = passed >= limit_bytes_;
    std::array<pollfd, 4> events = {
        pollfd{.fd = closing_.get(), .events = POLLIN},
        pollfd{.fd = client.valid() ? -1 : listener_.get(), .events = POLLIN},
        pollfd{.fd = stalled ? -1 : client.get(), .events = POLLIN},
        pollfd{.fd = server.get(), .events = POLLIN},
    };
    if (poll(events.data(), events.size(), -1) < 0 && errno != EINTR) return;
    if (events[0].revents != 0) return;
    if (events[1].revents != 0) {
      client = base::UniqueFd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      server = ConnectTo(server_port_);
      if (!client.valid() || !server.valid()) return;
      continue;
    }
    if (events[2].revents != 0) {
      const std::int64_t count = PassOn(client.get(), server.get(), limit_bytes_ - passed);
      if (count == 0) return;
      passed += count;
      if (passed >= limit_bytes_) eventfd_write(stalled_.get(), 1);
    }
    if (events[3].revents != 0 && PassOn(server.get(), client.get(), kNoLimit) == 0) return;
  }
}

}  // namespace graft::testing
