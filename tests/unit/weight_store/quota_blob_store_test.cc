#include "services/weight_store/core/quota_blob_store.h"

#include <gtest/gtest.h>

#include <string>

#include "common/blob/blob_io.h"
#include "common/blob/memory_blob_store.h"

namespace graft::weight_store {
namespace {

using digest::BlobDigest;

TEST(QuotaBlobStoreTest, WritesBeyondTheQuotaAreRefused) {
  blob::MemoryBlobStore memory;
  QuotaBlobStore store(&memory, 10);
  ASSERT_TRUE(blob::PutBytes(&store, "0123456").ok());
  EXPECT_TRUE(absl::IsResourceExhausted(blob::PutBytes(&store, "abcd").status()));
  EXPECT_TRUE(blob::PutBytes(&store, "abc").ok());
  EXPECT_EQ(memory.Stats().size_bytes, 10u);
}

TEST(QuotaBlobStoreTest, WritesInProgressCount) {
  blob::MemoryBlobStore memory;
  QuotaBlobStore store(&memory, 10);
  {
    const auto first = store.OpenWriter({});
    const auto second = store.OpenWriter({});
    ASSERT_TRUE((*first)->Append("0123456").ok());
    EXPECT_TRUE(absl::IsResourceExhausted((*second)->Append("abcd")));
  }
  // Both were given up.
  EXPECT_TRUE(blob::PutBytes(&store, "0123456789").ok());
}

TEST(QuotaBlobStoreTest, ResumedBytesCount) {
  blob::MemoryBlobStore memory;
  QuotaBlobStore store(&memory, 10);
  { ASSERT_TRUE((*store.OpenWriter({.upload_id = "id"}))->Append("01234567").ok()); }
  const auto resumed = store.OpenWriter({.upload_id = "id"});
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_EQ((*resumed)->committed_size(), 8u);
  EXPECT_TRUE(absl::IsResourceExhausted((*resumed)->Append("abc")));
}

TEST(QuotaBlobStoreTest, BlobThatCannotFitIsRefusedBeforeAByteIsSent) {
  blob::MemoryBlobStore memory;
  QuotaBlobStore store(&memory, 10);
  EXPECT_TRUE(absl::IsResourceExhausted(
      store.OpenWriter({.expected = BlobDigest::Of("eleven bytes")}).status()));
}

TEST(QuotaBlobStoreTest, ZeroMeansNoLimit) {
  blob::MemoryBlobStore memory;
  QuotaBlobStore store(&memory, 0);
  EXPECT_TRUE(blob::PutBytes(&store, std::string(1 << 20, 'x')).ok());
}

}  // namespace
}  // namespace graft::weight_store
