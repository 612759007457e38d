#include "services/worker/trainer/framing.h"

#include <google/protobuf/message_lite.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/fd.h"
#include "common/base/status_macros.h"

namespace graft::worker {
namespace {

constexpr size_t kHeaderBytes = 4;

// Reads `size` bytes; fewer only if the peer closed.
absl::StatusOr<size_t> ReceiveFully(int socket, char* data, size_t size) {
  size_t received = 0;
  while (received < size) {
    const ssize_t count = recv(socket, data + received, size - received, 0);
    if (count == 0) break;
    if (count < 0 && errno == EINTR) continue;
    // A peer that was killed with bytes unread resets the connection.
    if (count < 0 && errno == ECONNRESET) break;
    if (count < 0) return base::PosixError(errno, "receive from the socket");
    received += static_cast<size_t>(count);
  }
  return received;
}

}  // namespace

absl::Status WriteFrame(int socket, const google::protobuf::MessageLite& message) {
  const size_t size = message.ByteSizeLong();
  if (size > kMaxFrameBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a message of ", size, " bytes; at most ", kMaxFrameBytes, " are allowed"));
  }
  std::string frame;
  frame.reserve(kHeaderBytes + size);
  for (size_t i = 0; i < kHeaderBytes; ++i) frame.push_back(static_cast<char>(size >> (8 * i)));
  message.AppendToString(&frame);
  size_t sent = 0;
  while (sent < frame.size()) {
    const ssize_t count = send(socket, frame.data() + sent, frame.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return absl::UnavailableError("the other end of the socket has gone");
    sent += static_cast<size_t>(count);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> ReadFrame(int socket, google::protobuf::MessageLite* message) {
  std::array<char, kHeaderBytes> header;
  ASSIGN_OR_RETURN(const size_t header_bytes, ReceiveFully(socket, header.data(), kHeaderBytes));
  if (header_bytes == 0) return false;
  if (header_bytes < kHeaderBytes) return absl::DataLossError("a message's size was cut short");
  std::uint32_t size = 0;
  for (size_t i = 0; i < kHeaderBytes; ++i) {
    size |= static_cast<std::uint32_t>(static_cast<unsigned char>(header[i])) << (8 * i);
  }
  if (size > kMaxFrameBytes) {
    return absl::DataLossError(
        absl::StrCat("a message of ", size, " bytes; at most ", kMaxFrameBytes, " are allowed"));
  }
  std::string bytes(size, '\0');
  ASSIGN_OR_RETURN(const size_t body_bytes, ReceiveFully(socket, bytes.data(), size));
  if (body_bytes < size) return absl::DataLossError("a message was cut short");
  if (!message->ParseFromString(bytes)) return absl::DataLossError("a message does not parse");
  return true;
}

}  // namespace graft::worker
