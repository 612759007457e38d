#include "services/worker/trainer/framing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>
#include <thread>

#include "common/base/check.h"
#include "common/base/fd.h"
#include "proto/graft/v1/trainer.pb.h"

namespace graft::worker {
namespace {

class FramingTest : public ::testing::Test {
 protected:
  FramingTest() {
    int ends[2];
    GRAFT_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    near_ = base::UniqueFd(ends[0]);
    far_ = base::UniqueFd(ends[1]);
  }

  void SendRaw(const std::string& bytes) {
    ASSERT_TRUE(base::WriteFully(near_.get(), bytes, "socket").ok());
  }

  absl::StatusOr<bool> Read() { return ReadFrame(far_.get(), &message_); }

  base::UniqueFd near_;
  base::UniqueFd far_;
  v1::TrainerRequest message_;
};

TEST_F(FramingTest, MessagesArriveInOrderAndWhole) {
  // Larger than the socket's buffer, so that it arrives in pieces.
  v1::TrainerRequest large;
  large.mutable_start()->set_trial(std::string(4 << 20, 'x'));
  v1::TrainerRequest small;
  small.mutable_stop()->set_trial("t");
  std::thread writer([&] {
    EXPECT_TRUE(WriteFrame(near_.get(), large).ok());
    EXPECT_TRUE(WriteFrame(near_.get(), small).ok());
  });
  EXPECT_TRUE(Read().value());
  EXPECT_EQ(message_.start().trial().size(), std::size_t{4} << 20);
  EXPECT_TRUE(Read().value());
  EXPECT_EQ(message_.stop().trial(), "t");
  writer.join();
}

TEST_F(FramingTest, SizeIsFourBytesLittleEndian) {
  v1::TrainerRequest small;
  small.mutable_stop()->set_trial("t");
  SendRaw(std::string("\5\0\0\0", 4) + small.SerializeAsString());
  EXPECT_TRUE(Read().value());
  EXPECT_EQ(message_.stop().trial(), "t");
}

TEST_F(FramingTest, CloseBetweenMessagesIsTheEnd) {
  near_.Reset();
  EXPECT_FALSE(Read().value());
}

TEST_F(FramingTest, CutMessagesAreErrors) {
  SendRaw(std::string("\5\0\0\0a", 5));
  near_.Reset();
  EXPECT_EQ(Read().status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(FramingTest, AbsurdSizesAreRefusedBeforeAllocation) {
  SendRaw("\xff\xff\xff\xff");
  EXPECT_EQ(Read().status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(FramingTest, BytesThatAreNoMessageAreErrors) {
  SendRaw(std::string("\2\0\0\0\xff\xff", 6));
  EXPECT_EQ(Read().status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(FramingTest, WritingToAPeerThatHasGoneIsAnErrorAndNoSignal) {
  far_.Reset();
  EXPECT_EQ(WriteFrame(near_.get(), message_).code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace graft::worker
