#include "services/weight_store/core/uploads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "common/blob/blob_io.h"
#include "common/blob/memory_blob_store.h"
#include "services/weight_store/core/io_executor.h"

namespace graft::weight_store {
namespace {

using digest::BlobDigest;

class UploadsTest : public testing::Test {
 protected:
  blob::MemoryBlobStore store_;
  Uploads uploads_{&store_};
};

TEST_F(UploadsTest, ChunksMakeABlob) {
  const auto upload = uploads_.Open(BlobDigest::Of("abcdef").ToString(), "");
  ASSERT_TRUE(upload.ok()) << upload.status();
  ASSERT_TRUE((*upload)->Append(0, "abc").ok());
  ASSERT_TRUE((*upload)->Append(3, "def").ok());
  EXPECT_EQ((*upload)->committed_size(), 6u);
  ASSERT_TRUE((*upload)->Commit().ok());
  EXPECT_EQ((*upload)->stored(), BlobDigest::Of("abcdef"));
  EXPECT_EQ(*blob::ReadBlob(&store_, BlobDigest::Of("abcdef"), 100), "abcdef");
}

TEST_F(UploadsTest, WithoutADigestTheStoreFindsIt) {
  const auto upload = uploads_.Open("", "");
  ASSERT_TRUE((*upload)->Append(0, "abc").ok());
  ASSERT_TRUE((*upload)->Commit().ok());
  EXPECT_EQ((*upload)->stored(), BlobDigest::Of("abc"));
}

TEST_F(UploadsTest, StoredBlobNeedsNoUpload) {
  ASSERT_TRUE(blob::PutBytes(&store_, "abc").ok());
  const auto upload = uploads_.Open(BlobDigest::Of("abc").ToString(), "id");
  ASSERT_TRUE(upload.ok()) << upload.status();
  EXPECT_EQ((*upload)->stored(), BlobDigest::Of("abc"));
  EXPECT_EQ((*upload)->committed_size(), 3u);
}

TEST_F(UploadsTest, ChunkMustStartWhereTheLastEnded) {
  const auto upload = uploads_.Open("", "");
  ASSERT_TRUE((*upload)->Append(0, "abc").ok());
  for (const int64_t offset : {-1, 0, 2, 4}) {
    EXPECT_TRUE(absl::IsOutOfRange((*upload)->Append(offset, "x"))) << offset;
  }
}

TEST_F(UploadsTest, ChunkHasALimit) {
  const auto upload = uploads_.Open("", "");
  const std::string largest(kMaxChunkBytes, 'x');
  EXPECT_TRUE((*upload)->Append(0, largest).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(
      (*upload)->Append(static_cast<int64_t>(kMaxChunkBytes), largest + "x")));
}

TEST_F(UploadsTest, MalformedNamesAreRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(uploads_.Open("../../etc/passwd", "").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(uploads_.Open("", "../x").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(uploads_.CommittedSize("../x").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(uploads_.CommittedSize("").status()));
}

TEST_F(UploadsTest, CommittedSizeKnowsUploadsInProgressAndInterruptedOnes) {
  EXPECT_TRUE(absl::IsNotFound(uploads_.CommittedSize("id").status()));
  {
    const auto upload = uploads_.Open("", "id");
    ASSERT_TRUE((*upload)->Append(0, "abc").ok());
    EXPECT_EQ(*uploads_.CommittedSize("id"), 3u);
  }
  EXPECT_EQ(*uploads_.CommittedSize("id"), 3u);
  const auto upload = uploads_.Open("", "id");
  EXPECT_EQ((*upload)->committed_size(), 3u);
  ASSERT_TRUE((*upload)->Commit().ok());
  EXPECT_TRUE(absl::IsNotFound(uploads_.CommittedSize("id").status()));
}

TEST_F(UploadsTest, OtherBytesThanTheDigestStoreNothing) {
  const auto upload = uploads_.Open(BlobDigest::Of("good").ToString(), "");
  ASSERT_TRUE((*upload)->Append(0, "evil").ok());
  EXPECT_TRUE(absl::IsInvalidArgument((*upload)->Commit()));
  EXPECT_EQ((*upload)->stored(), std::nullopt);
  EXPECT_EQ(store_.Stats().blob_count, 0u);
}

TEST(IoExecutorTest, RunsEverythingItWasGivenBeforeItEnds) {
  std::atomic<int> ran = 0;
  {
    IoExecutor executor(3);
    for (int i = 0; i < 1000; ++i) executor.Run([&ran] { ++ran; });
  }
  EXPECT_EQ(ran, 1000);
}

}  // namespace
}  // namespace graft::weight_store
