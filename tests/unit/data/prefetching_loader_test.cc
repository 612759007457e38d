#include "common/data/prefetching_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/rng.h"

namespace graft::data {
namespace {

constexpr std::int64_t kBatches = 5;

// Epochs of kBatches batches of one image of one value: 1000 epoch + number of the batch.
class FakeStream : public BatchStream {
 public:
  using Hook = std::function<absl::Status(std::int64_t epoch, std::int64_t number)>;

  // `before` is called before each batch, and with kBatches before each end.
  explicit FakeStream(Hook before = nullptr, std::int64_t batches = kBatches)
      : before_(std::move(before)), batches_(batches) {}

  BatchBuffer MakeBuffer() const override {
    return {.images = std::vector<float>(1), .labels = {7}, .targets = {}};
  }

  absl::Status StartEpoch(std::int64_t epoch) override {
    epoch_ = epoch;
    number_ = 0;
    return epoch < 0 ? absl::InvalidArgumentError("no such epoch") : absl::OkStatus();
  }

  absl::StatusOr<Batch> Next(BatchBuffer& buffer) override {
    if (before_) {
      const absl::Status status = before_(epoch_, number_);
      if (!status.ok()) return status;
    }
    if (number_ == batches_) return Batch{};
    buffer.images[0] = static_cast<float>(1000 * epoch_ + number_++);
    return Batch{.count = 1, .images = buffer.images, .labels = buffer.labels};
  }

 private:
  const Hook before_;
  const std::int64_t batches_;
  std::int64_t epoch_ = 0;
  std::int64_t number_ = 0;
};

// Counts what has been done, and waits for a count.
class Counter {
 public:
  void Add() {
    base::MutexLock lock(&mutex_);
    ++count_;
    changed_.SignalAll();
  }

  void WaitFor(int count) {
    base::MutexLock lock(&mutex_);
    while (count_ < count) changed_.Wait(&mutex_);
  }

 private:
  base::Mutex mutex_;
  base::CondVar changed_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

// What is left of the epoch.
std::vector<float> Rest(PrefetchingLoader& loader) {
  std::vector<float> values;
  while (true) {
    const absl::StatusOr<Batch> batch = loader.Next();
    EXPECT_TRUE(batch.ok()) << batch.status();
    if (!batch.ok() || batch->count == 0) return values;
    values.push_back(batch->images[0]);
  }
}

std::vector<float> Expected(std::int64_t epoch) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < kBatches; ++i) {
    values.push_back(static_cast<float>(1000 * epoch + i));
  }
  return values;
}

TEST(PrefetchingLoaderTest, ServesTheStreamsBatchesInTheirOrder) {
  for (const std::int64_t depth : {1, 2, 3, 10}) {
    PrefetchingLoader loader(std::make_unique<FakeStream>(), {.depth = depth, .epochs = 3});
    for (std::int64_t epoch = 1; epoch <= 3; ++epoch) {
      loader.StartEpoch(epoch);
      EXPECT_EQ(Rest(loader), Expected(epoch)) << "depth " << depth;
      EXPECT_EQ(loader.Next().value().count, 0);
    }
  }
}

TEST(PrefetchingLoaderTest, HasNothingBeforeTheFirstEpoch) {
  PrefetchingLoader loader(std::make_unique<FakeStream>(), {});
  EXPECT_EQ(loader.Next().value().count, 0);
}

TEST(PrefetchingLoaderTest, AnyEpochMayBeAskedForAtAnyTime) {
  base::Rng rng(1);
  for (const std::int64_t epochs : {0, 4}) {
    PrefetchingLoader loader(std::make_unique<FakeStream>(), {.epochs = epochs});
    for (int i = 0; i < 300; ++i) {
      const auto epoch = static_cast<std::int64_t>(1 + rng.UniformInt(5));
      loader.StartEpoch(epoch);
      const std::vector<float> expected = Expected(epoch);
      const auto taken = static_cast<std::size_t>(rng.UniformInt(kBatches + 1));
      for (std::size_t j = 0; j < taken; ++j) {
        ASSERT_EQ(loader.Next().value().images[0], expected[j]);
      }
      if (rng.UniformInt(2) == 0) {
        ASSERT_EQ(Rest(loader), std::vector<float>(expected.begin() + taken, expected.end()));
      }
    }
  }
}

TEST(PrefetchingLoaderTest, PreparesAheadAsManyBatchesAsItHasRoomForAndNoMore) {
  Counter prepared;
  std::atomic<int> ahead = 0;
  std::atomic<int> most = 0;
  auto stream = std::make_unique<FakeStream>(
      [&](std::int64_t, std::int64_t number) {
        if (number < 100) {
          most = std::max(most.load(), ++ahead);
          prepared.Add();
        }
        return absl::OkStatus();
      },
      /*batches=*/100);
  PrefetchingLoader loader(std::move(stream), {.depth = 2, .epochs = 1});
  prepared.WaitFor(3);  // nothing has been asked for
  loader.StartEpoch(1);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(loader.Next().value().count, 1);
    --ahead;
  }
  EXPECT_EQ(loader.Next().value().count, 0);
  EXPECT_LE(most, 3);
}

TEST(PrefetchingLoaderTest, ExpectedEpochIsPreparedWhileTheLastOneIsJudged) {
  Counter second;
  auto stream = std::make_unique<FakeStream>([&](std::int64_t epoch, std::int64_t) {
    if (epoch == 2) second.Add();
    return absl::OkStatus();
  });
  PrefetchingLoader loader(std::move(stream), {.epochs = 2});
  loader.StartEpoch(1);
  EXPECT_EQ(Rest(loader), Expected(1));
  second.WaitFor(2);  // or it hangs
  loader.StartEpoch(2);
  EXPECT_EQ(Rest(loader), Expected(2));
}

TEST(PrefetchingLoaderTest, ErrorComesInItsBatchsPlaceUntilTheNextEpoch) {
  auto stream = std::make_unique<FakeStream>([](std::int64_t epoch, std::int64_t number) {
    return epoch == 1 && number == 3 ? absl::DataLossError("torn") : absl::OkStatus();
  });
  PrefetchingLoader loader(std::move(stream), {.epochs = 2});
  loader.StartEpoch(1);
  for (int i = 0; i < 3; ++i) ASSERT_EQ(loader.Next().value().count, 1);
  EXPECT_EQ(loader.Next().status(), absl::DataLossError("torn"));
  EXPECT_EQ(loader.Next().status(), absl::DataLossError("torn"));
  loader.StartEpoch(2);
  EXPECT_EQ(Rest(loader), Expected(2));
  loader.StartEpoch(-1);
  EXPECT_EQ(loader.Next().status(), absl::InvalidArgumentError("no such epoch"));
}

TEST(PrefetchingLoaderTest, OutOfMemoryIsAnError) {
  auto stream = std::make_unique<FakeStream>(
      [](std::int64_t, std::int64_t) -> absl::Status { throw std::bad_alloc(); });
  PrefetchingLoader loader(std::move(stream), {});
  loader.StartEpoch(1);
  EXPECT_EQ(loader.Next().status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(PrefetchingLoaderTest, EndsAtAnyTime) {
  for (int taken = 0; taken <= kBatches + 1; ++taken) {
    PrefetchingLoader loader(std::make_unique<FakeStream>(), {.epochs = 0});
    if (taken == 0) continue;
    loader.StartEpoch(1);
    for (int i = 1; i < taken; ++i) ASSERT_TRUE(loader.Next().ok());
  }
}

TEST(PrefetchingLoaderTest, EmptyEpochsHaveTheirEnds) {
  PrefetchingLoader loader(std::make_unique<FakeStream>(nullptr, /*batches=*/0), {.epochs = 0});
  for (int i = 0; i < 10; ++i) {
    loader.StartEpoch(1);
    EXPECT_EQ(loader.Next().value().count, 0);
  }
}

// Batches that take much longer to make than to ask for.
TEST(PrefetchingLoaderTest, WaitingIsMeasured) {
  std::uint32_t sum = 0;
  auto stream = std::make_unique<FakeStream>([&](std::int64_t, std::int64_t) {
    base::Rng rng(1);
    for (int i = 0; i < 100'000; ++i) sum += rng.NextU32();
    return absl::OkStatus();
  });
  PrefetchingLoader loader(std::move(stream), {.depth = 1, .epochs = 3});
  EXPECT_EQ(loader.wait_time(), absl::ZeroDuration());
  for (std::int64_t epoch = 1; epoch <= 3; ++epoch) {
    loader.StartEpoch(epoch);
    EXPECT_EQ(Rest(loader), Expected(epoch));
  }
  EXPECT_GT(loader.wait_time(), absl::ZeroDuration());
  EXPECT_GT(loader.processor_time(), absl::ZeroDuration());
}

TEST(PrefetchingLoaderTest, BatchThatIsReadyIsNotWaitedFor) {
  Counter prepared;
  auto stream = std::make_unique<FakeStream>([&](std::int64_t, std::int64_t) {
    prepared.Add();
    return absl::OkStatus();
  });
  PrefetchingLoader loader(std::move(stream), {.depth = 2, .epochs = 1});
  prepared.WaitFor(3);  // two are ready
  loader.StartEpoch(1);
  ASSERT_TRUE(loader.Next().ok());
  ASSERT_TRUE(loader.Next().ok());
  EXPECT_EQ(loader.wait_time(), absl::ZeroDuration());
}

}  // namespace
}  // namespace graft::data
