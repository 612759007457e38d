#include "common/rpc/shutdown_signal.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "common/base/check.h"

namespace graft::rpc {
namespace {

sigset_t Signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

ShutdownSignal::ShutdownSignal() {
  const sigset_t set = Signals();
  GRAFT_CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  blocked_ = true;
  signals_ = base::UniqueFd(signalfd(-1, &set, SFD_CLOEXEC));
  triggered_ = base::UniqueFd(eventfd(0, EFD_CLOEXEC));
  GRAFT_CHECK(signals_.valid() && triggered_.valid()) << "errno " << errno;
}

ShutdownSignal::~ShutdownSignal() { Unblock(); }

std::string ShutdownSignal::Wait() {
  pollfd fds[] = {{signals_.get(), POLLIN, 0}, {triggered_.get(), POLLIN, 0}};
  while (poll(fds, 2, -1) < 0) GRAFT_CHECK(errno == EINTR) << "errno " << errno;
  std::string reason = "trigger";
  if ((fds[0].revents & POLLIN) != 0) {
    signalfd_siginfo info{};
    GRAFT_CHECK(read(signals_.get(), &info, sizeof(info)) == sizeof(info));
    reason = info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM";
  }
  Unblock();
  return reason;
}

void ShutdownSignal::Trigger() {
  const uint64_t one = 1;
  GRAFT_CHECK(write(triggered_.get(), &one, sizeof(one)) == sizeof(one));
}

void ShutdownSignal::Unblock() {
  if (!blocked_) return;
  blocked_ = false;
  const sigset_t set = Signals();
  GRAFT_CHECK(pthread_sigmask(SIG_UNBLOCK, &set, nullptr) == 0);
}

}  // namespace graft::rpc
