// StallingProxy: a connection that carries so much and then no more, for tests of interruptions.
#ifndef GRAFT_TESTS_INTEGRATION_STALLING_PROXY_H_
#define GRAFT_TESTS_INTEGRATION_STALLING_PROXY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/fd.h"

namespace graft::testing {

// Listens on a free port of loopback and passes one TCP connection on to a server. After
// `limit_bytes` to the server it takes no more from the client, as a network that has broken does;
// what the server says still arrives. Thread-safe.
class StallingProxy {
 public:
  // `server`: "127.0.0.1:port".
  static absl::StatusOr<std::unique_ptr<StallingProxy>> Start(const std::string& server,
                                                              std::int64_t limit_bytes);
  // Breaks the connection.
  ~StallingProxy();

  // "127.0.0.1:port".
  std::string address() const;

  // Waits until so much has been passed on. DEADLINE_EXCEEDED after `patience`.
  absl::Status AwaitStall(absl::Duration patience);

 private:
  StallingProxy(int server_port, std::int64_t limit_bytes)
      : server_port_(server_port), limit_bytes_(limit_bytes) {}
  void Serve();

  const int server_port_;
  const std::int64_t limit_bytes_;
  int port_ = 0;
  base::UniqueFd listener_;
  base::UniqueFd stalled_;  // event: readable once the limit is reached
  base::UniqueFd closing_;  // event: readable once the thread is to end
  std::thread thread_;
};

}  // namespace graft::testing

#endif  // GRAFT_TESTS_INTEGRATION_STALLING_PROXY_H_
