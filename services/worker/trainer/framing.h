// Messages over a local socket: what worker and trainer say to each other (trainer.proto).
#ifndef GRAFT_SERVICES_WORKER_TRAINER_FRAMING_H_
#define GRAFT_SERVICES_WORKER_TRAINER_FRAMING_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace google::protobuf {
class MessageLite;
}

namespace graft::worker {

// A larger message is refused by both sides: an architecture of 20,000 layers stays far below.
inline constexpr std::uint32_t kMaxFrameBytes = 64u << 20;

// Writes one message, preceded by its size as a 32-bit little-endian number. `socket` is a blocking
// stream socket. UNAVAILABLE if the peer has gone (no SIGPIPE), INVALID_ARGUMENT above
// kMaxFrameBytes. One writer at a time.
absl::Status WriteFrame(int socket, const google::protobuf::MessageLite& message);

// Reads one message; false if the peer closed the socket between messages. DATA_LOSS for a message
// that is cut short, too large or does not parse. One reader at a time.
absl::StatusOr<bool> ReadFrame(int socket, google::protobuf::MessageLite* message);

}  // namespace graft::worker

#endif  // GRAFT_SERVICES_WORKER_TRAINER_FRAMING_H_
