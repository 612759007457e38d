#include "common/rpc/retry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace graft::rpc {
namespace {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Le;

// Notes what it is asked to wait and does not wait; gives up after a number of waits.
class FakeSleeper final : public Sleeper {
 public:
  explicit FakeSleeper(size_t limit = 1000) : limit_(limit) {}
  bool Sleep(absl::Duration duration) override {
    waits.push_back(duration);
    return waits.size() < limit_;
  }
  std::vector<absl::Duration> waits;

 private:
  const size_t limit_;
};

TEST(RetryTest, UnavailableIsTriedAgainUntilItSucceeds) {
  FakeSleeper sleeper;
  int calls = 0;
  const absl::Status status = Retry({}, &sleeper, [&calls] {
    return ++calls < 4 ? absl::UnavailableError("not yet") : absl::OkStatus();
  });
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(calls, 4);
  EXPECT_EQ(sleeper.waits.size(), 3u);
}

TEST(RetryTest, OtherErrorsReturnAtOnce) {
  for (const absl::Status& error :
       {absl::InvalidArgumentError("x"), absl::ResourceExhaustedError("x"),
        absl::DeadlineExceededError("x"), absl::UnauthenticatedError("x")}) {
    FakeSleeper sleeper;
    EXPECT_EQ(Retry({}, &sleeper, [&error] { return error; }), error);
    EXPECT_TRUE(sleeper.waits.empty());
  }
}

TEST(RetryTest, GivesUpAfterTheLastAttempt) {
  FakeSleeper sleeper;
  int calls = 0;
  const absl::Status status = Retry({.max_attempts = 3}, &sleeper, [&calls] {
    ++calls;
    return absl::UnavailableError("never");
  });
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(calls, 3);
}

TEST(RetryTest, GivesUpWhenTheSleeperDoes) {
  FakeSleeper sleeper(2);
  const absl::Status status =
      Retry({.max_attempts = 0}, &sleeper, [] { return absl::UnavailableError("never"); });
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(sleeper.waits.size(), 2u);
}

TEST(BackoffTest, WaitsGrowToTheLongestOne) {
  Backoff backoff({.initial_backoff = absl::Seconds(1),
                   .max_backoff = absl::Seconds(5),
                   .multiplier = 2,
                   .jitter = 0},
                  base::Rng(1));
  for (const int seconds : {1, 2, 4, 5, 5, 5}) EXPECT_EQ(backoff.Next(), absl::Seconds(seconds));
  backoff.Reset();
  EXPECT_EQ(backoff.Next(), absl::Seconds(1));
}

TEST(BackoffTest, JitterStaysInItsBoundsAndVaries) {
  Backoff backoff({.initial_backoff = absl::Seconds(1),
                   .max_backoff = absl::Seconds(1),
                   .multiplier = 2,
                   .jitter = 0.25},
                  base::Rng(1));
  std::vector<absl::Duration> waits;
  for (int i = 0; i < 1000; ++i) {
    waits.push_back(backoff.Next());
    EXPECT_THAT(waits.back(), AllOf(Ge(absl::Milliseconds(750)), Le(absl::Milliseconds(1250))));
  }
  EXPECT_NE(waits[0], waits[1]);
}

TEST(InterruptibleSleeperTest, InterruptEndsAWaitAndAllLaterOnes) {
  InterruptibleSleeper sleeper;
  std::thread interrupter([&sleeper] { sleeper.Interrupt(); });
  EXPECT_FALSE(sleeper.Sleep(absl::InfiniteDuration()));
  EXPECT_FALSE(sleeper.Sleep(absl::InfiniteDuration()));
  interrupter.join();
}

}  // namespace
}  // namespace graft::rpc
