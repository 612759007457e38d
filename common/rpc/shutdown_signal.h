#ifndef GRAFT_COMMON_RPC_SHUTDOWN_SIGNAL_H_
#define GRAFT_COMMON_RPC_SHUTDOWN_SIGNAL_H_

#include <string>

#include "common/base/fd.h"

namespace graft::rpc {

// Turns SIGTERM and SIGINT into something to wait for. While this lives and Wait has not returned
// the two signals are blocked in the thread that made it and in threads started afterwards: make it
// first thing in main. A process that is spawned meanwhile inherits the blocked signals unless its
// creator resets them (posix_spawnattr_setsigmask). One at a time; Wait by the thread that made it,
// Trigger by any.
class ShutdownSignal {
 public:
  ShutdownSignal();
  ~ShutdownSignal();
  ShutdownSignal(const ShutdownSignal&) = delete;
  ShutdownSignal& operator=(const ShutdownSignal&) = delete;

  // Returns at the first signal or Trigger and says which: "SIGTERM", "SIGINT" or
  // "trigger". Afterwards a second signal ends the process at once, should draining take too long.
  std::string Wait();

  // Makes Wait return.
  void Trigger();

 private:
  void Unblock();

  base::UniqueFd signals_;
  base::UniqueFd triggered_;
  bool blocked_ = false;
};

}  // namespace graft::rpc

#endif  // GRAFT_COMMON_RPC_SHUTDOWN_SIGNAL_H_
