#include "common/base/mutex.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace graft::base {
namespace {

struct Counter {
  Mutex mutex;
  CondVar changed;
  int value ABSL_GUARDED_BY(mutex) = 0;
};

TEST(MutexTest, ExcludesOtherThreads) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 10'000;
  Counter counter;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&counter] {
      for (int round = 0; round < kRounds; ++round) {
        MutexLock lock(&counter.mutex);
        ++counter.value;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  MutexLock lock(&counter.mutex);
  EXPECT_EQ(counter.value, kThreads * kRounds);
}

TEST(CondVarTest, WaitEndsWithASignal) {
  Counter counter;
  std::thread setter([&counter] {
    MutexLock lock(&counter.mutex);
    counter.value = 1;
    counter.changed.SignalAll();
  });
  {
    MutexLock lock(&counter.mutex);
    while (counter.value == 0) counter.changed.Wait(&counter.mutex);
    EXPECT_EQ(counter.value, 1);
  }
  setter.join();
}

TEST(CondVarTest, TimedWaitEndsWithASignal) {
  for (const absl::Duration timeout : {absl::InfiniteDuration(), absl::Hours(1)}) {
    Counter counter;
    std::thread setter([&counter] {
      MutexLock lock(&counter.mutex);
      counter.value = 1;
      counter.changed.Signal();
    });
    {
      MutexLock lock(&counter.mutex);
      while (counter.value == 0) {
        EXPECT_TRUE(counter.changed.WaitFor(&counter.mutex, timeout));
      }
    }
    setter.join();
  }
}

TEST(CondVarTest, TimedWaitWithoutTimeReportsTheTimeout) {
  Counter counter;
  MutexLock lock(&counter.mutex);
  EXPECT_FALSE(counter.changed.WaitFor(&counter.mutex, absl::ZeroDuration()));
  EXPECT_FALSE(counter.changed.WaitFor(&counter.mutex, absl::Seconds(-5)));
  EXPECT_FALSE(counter.changed.WaitFor(&counter.mutex, -absl::InfiniteDuration()));
}

}  // namespace
}  // namespace graft::base
