#include "common/blob/caching_blob_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/blob/blob_io.h"
#include "common/blob/memory_blob_store.h"
#include "common/digest/blob_digest.h"

namespace graft::blob {
namespace {

using digest::BlobDigest;
using testing::ElementsAre;

constexpr uint64_t kNoLimit = uint64_t{1} << 40;

// A store in memory that counts its readers and can hold them back or fail them.
class FakeRemote final : public BlobStore {
 public:
  absl::StatusOr<std::vector<BlobDigest>> FindMissing(
      std::span<const BlobDigest> digests) override {
    return blobs_.FindMissing(digests);
  }

  absl::StatusOr<std::unique_ptr<BlobReader>> OpenReader(const BlobDigest& digest,
                                                         uint64_t offset) override {
    base::MutexLock lock(&mutex_);
    ++readers_;
    changed_.SignalAll();
    while (gate_closed_) changed_.Wait(&mutex_);
    if (!failure_.ok()) return failure_;
    return blobs_.OpenReader(digest, offset);
  }

  absl::StatusOr<std::unique_ptr<BlobWriter>> OpenWriter(const WriteOptions& options) override {
    return blobs_.OpenWriter(options);
  }

  void SetFailure(absl::Status failure) {
    base::MutexLock lock(&mutex_);
    failure_ = std::move(failure);
  }

  void SetGateClosed(bool closed) {
    base::MutexLock lock(&mutex_);
    gate_closed_ = closed;
    changed_.SignalAll();
  }

  void WaitForReaders(int count) {
    base::MutexLock lock(&mutex_);
    while (readers_ < count) changed_.Wait(&mutex_);
  }

  int readers() {
    base::MutexLock lock(&mutex_);
    return readers_;
  }

 private:
  MemoryBlobStore blobs_;
  base::Mutex mutex_;
  base::CondVar changed_;
  int readers_ ABSL_GUARDED_BY(mutex_) = 0;
  bool gate_closed_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

class CachingBlobStoreTest : public testing::Test {
 protected:
  std::unique_ptr<CachingBlobStore> Create(uint64_t limit_bytes) {
    return *CachingBlobStore::Create(&local_, &remote_, {.limit_bytes = limit_bytes});
  }

  MemoryBlobStore local_;
  FakeRemote remote_;
};

TEST_F(CachingBlobStoreTest, SecondReadDoesNotAskTheRemoteStore) {
  const BlobDigest digest = *PutBytes(&remote_, "once");
  const auto cache = Create(100);
  EXPECT_EQ(*ReadBlob(cache.get(), digest, kNoLimit), "once");
  EXPECT_EQ(*ReadBlob(cache.get(), digest, kNoLimit), "once");
  EXPECT_EQ(remote_.readers(), 1);
  EXPECT_EQ(cache->Stats().hits, 1);
  EXPECT_EQ(cache->Stats().misses, 1);
  EXPECT_EQ(cache->Stats().fetches, 1);
}

TEST_F(CachingBlobStoreTest, WriteReachesBothStores) {
  const auto cache = Create(100);
  const BlobDigest digest = *PutBytes(cache.get(), "both");
  EXPECT_TRUE(*remote_.Contains(digest));
  EXPECT_EQ(*ReadBlob(cache.get(), digest, kNoLimit), "both");
  EXPECT_EQ(remote_.readers(), 0);
}

TEST_F(CachingBlobStoreTest, ConcurrentMissesShareOneFetch) {
  const BlobDigest digest = *PutBytes(&remote_, "shared");
  const auto cache = Create(100);
  remote_.SetGateClosed(true);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back(
        [&cache, &digest] { EXPECT_EQ(*ReadBlob(cache.get(), digest, kNoLimit), "shared"); });
  }
  remote_.WaitForReaders(1);
  remote_.SetGateClosed(false);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(remote_.readers(), 1);
  EXPECT_EQ(cache->Stats().fetches, 1);
}

TEST_F(CachingBlobStoreTest, LeastRecentlyUsedBlobMakesRoom) {
  const BlobDigest a = *PutBytes(&remote_, "aaaa");
  const BlobDigest b = *PutBytes(&remote_, "bbbb");
  const BlobDigest c = *PutBytes(&remote_, "cccc");
  const auto cache = Create(8);
  for (const BlobDigest& digest : {a, b, a, c}) {
    ASSERT_TRUE(ReadBlob(cache.get(), digest, kNoLimit).ok());
  }
  EXPECT_THAT(cache->CachedDigests(), ElementsAre(a, c));
  EXPECT_FALSE(*local_.Contains(b));
  EXPECT_EQ(cache->Stats().evictions, 1);
  EXPECT_EQ(cache->Stats().size_bytes, 8);
}

TEST_F(CachingBlobStoreTest, BlobBeyondTheLimitDisplacesNothing) {
  const auto cache = Create(8);
  const BlobDigest small = *PutBytes(cache.get(), "small");
  const BlobDigest written = *PutBytes(cache.get(), "written and large");
  const BlobDigest read = *PutBytes(&remote_, "read and large");
  EXPECT_EQ(*ReadBlob(cache.get(), read, kNoLimit), "read and large");
  EXPECT_EQ(*ReadBlob(cache.get(), written, kNoLimit), "written and large");
  EXPECT_THAT(cache->CachedDigests(), ElementsAre(small));
}

TEST_F(CachingBlobStoreTest, KeepsWhatTheLocalStoreHeldWithinTheLimit) {
  const BlobDigest old = *PutBytes(&local_, "older");
  const BlobDigest recent = *PutBytes(&local_, "newer");
  const auto cache = Create(8);
  EXPECT_THAT(cache->CachedDigests(), ElementsAre(recent));
  EXPECT_FALSE(*local_.Contains(old));
}

TEST_F(CachingBlobStoreTest, LocallyLostBlobIsFetchedAgain) {
  const auto cache = Create(100);
  const BlobDigest digest = *PutBytes(cache.get(), "lost here");
  ASSERT_TRUE(local_.Delete(digest).ok());
  EXPECT_EQ(*ReadBlob(cache.get(), digest, kNoLimit), "lost here");
  EXPECT_EQ(cache->Stats().size_bytes, 9);
  EXPECT_THAT(cache->CachedDigests(), ElementsAre(digest));
}

TEST_F(CachingBlobStoreTest, FullLocalStoreIsReadPast) {
  MemoryBlobStore full({.limit_bytes = 2});
  const auto cache = *CachingBlobStore::Create(&full, &remote_, {.limit_bytes = 100});
  const BlobDigest read = *PutBytes(&remote_, "does not fit");
  EXPECT_EQ(*ReadBlob(cache.get(), read, kNoLimit), "does not fit");
  EXPECT_TRUE(PutBytes(cache.get(), "neither does this").ok());
  EXPECT_EQ(cache->Stats().size_bytes, 0);
}

TEST_F(CachingBlobStoreTest, RemoteErrorIsReturnedAndTheNextReadTriesAgain) {
  const BlobDigest digest = *PutBytes(&remote_, "later");
  const auto cache = Create(100);
  remote_.SetFailure(absl::UnavailableError("cable cut"));
  EXPECT_TRUE(absl::IsUnavailable(ReadBlob(cache.get(), digest, kNoLimit).status()));
  EXPECT_EQ(remote_.readers(), 1);
  remote_.SetFailure(absl::OkStatus());
  EXPECT_EQ(*ReadBlob(cache.get(), digest, kNoLimit), "later");
}

TEST_F(CachingBlobStoreTest, CachedBlobIsServedWhileTheRemoteStoreIsDown) {
  const auto cache = Create(100);
  const BlobDigest digest = *PutBytes(cache.get(), "at hand");
  remote_.SetFailure(absl::UnavailableError("cable cut"));
  EXPECT_EQ(*ReadBlob(cache.get(), digest, kNoLimit), "at hand");
}

}  // namespace
}  // namespace graft::blob
