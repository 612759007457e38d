// Ctrl-C as something to look at.
#ifndef GRAFT_SERVICES_CLI_INTERRUPT_H_
#define GRAFT_SERVICES_CLI_INTERRUPT_H_

#include <csignal>

namespace graft::cli {

// Notes SIGINT and SIGTERM for a scope instead of dying of them. One at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  // Whether one has come since the guard was made. From any thread.
  static bool Interrupted();

 private:
  struct sigaction old_int_;
  struct sigaction old_term_;
};

}  // namespace graft::cli

#endif  // GRAFT_SERVICES_CLI_INTERRUPT_H_
