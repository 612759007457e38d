#include <fcntl.h>
#include <google/protobuf/util/message_differencer.h>
#include <sys/socket.h>

#include "common/base/check.h"
#include "common/base/fd.h"
#include "proto/graft/v1/trainer.pb.h"
#include "services/worker/trainer/framing.h"
#include "tests/fuzz/fuzz_target.h"

namespace graft::fuzz {
namespace {

constexpr int kSocketBytes = 1 << 20;

struct SocketPair {
  SocketPair() {
    int ends[2];
    GRAFT_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    near = base::UniqueFd(ends[0]);
    far = base::UniqueFd(ends[1]);
    GRAFT_CHECK(
        setsockopt(near.get(), SOL_SOCKET, SO_SNDBUF, &kSocketBytes, sizeof(kSocketBytes)) == 0);
  }

  base::UniqueFd near;
  base::UniqueFd far;
};

void CheckRoundTrip(const v1::TrainerRequest& message) {
  SocketPair sockets;
  GRAFT_CHECK_OK(worker::WriteFrame(sockets.near.get(), message));
  v1::TrainerRequest again;
  GRAFT_CHECK(worker::ReadFrame(sockets.far.get(), &again).value());
  GRAFT_CHECK(again.SerializeAsString() == message.SerializeAsString());
}

}  // namespace

bool DecodeAndCheck(std::string_view input) {
  constexpr std::size_t kMaxInput = 64 << 10;  // fits the socket's buffer
  if (input.size() > kMaxInput) return false;
  SocketPair sockets;
  GRAFT_CHECK_OK(base::WriteFully(sockets.near.get(), input, "socket"));
  sockets.near.Reset();
  bool accepted = false;
  while (true) {
    v1::TrainerRequest message;
    const absl::StatusOr<bool> read = worker::ReadFrame(sockets.far.get(), &message);
    if (!read.ok() || !*read) return accepted;
    CheckRoundTrip(message);
    accepted = true;
  }
}

std::vector<std::string> Seeds() {
  v1::TrainerRequest stop;
  stop.mutable_stop()->set_trial("searches/1/trials/2");
  v1::TrainerRequest start;
  start.mutable_start()->set_trial("t");
  std::string frames;
  for (const v1::TrainerRequest& request : {stop, start}) {
    const std::string bytes = request.SerializeAsString();
    frames += std::string{static_cast<char>(bytes.size()), 0, 0, 0} + bytes;
  }
  return {frames};
}

}  // namespace graft::fuzz
