#include "tests/contract/blob_store_contract.h"

#include <gmock/gmock.h>

#include <string>
#include <thread>
#include <vector>

#include "common/blob/blob_io.h"
#include "common/digest/blob_digest.h"

namespace graft::blob {
namespace {

using digest::BlobDigest;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t kNoLimit = uint64_t{1} << 40;

// Bytes without a short period, so that a piece out of place shows.
std::string Pattern(size_t size) {
  std::string bytes(size, '\0');
  uint32_t state = 1;
  for (char& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

// Everything from `offset` on, read in pieces of `piece` bytes.
absl::StatusOr<std::string> ReadFrom(BlobStore* store, const BlobDigest& digest, uint64_t offset,
                                     size_t piece) {
  absl::StatusOr<std::unique_ptr<BlobReader>> reader = store->OpenReader(digest, offset);
  if (!reader.ok()) return reader.status();
  std::string bytes;
  std::vector<char> buffer(piece);
  while (true) {
    const absl::StatusOr<size_t> count = (*reader)->Read(buffer);
    if (!count.ok()) return count.status();
    if (*count == 0) return bytes;
    bytes.append(buffer.data(), *count);
  }
}

TEST_P(BlobStoreContract, ServesBackWhatWasStored) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1000}, size_t{3} << 20}) {
    const std::string bytes = Pattern(size);
    const absl::StatusOr<BlobDigest> digest = PutBytes(store(), bytes);
    ASSERT_TRUE(digest.ok()) << digest.status();
    EXPECT_EQ(*digest, BlobDigest::Of(bytes));
    const absl::StatusOr<std::string> read = ReadBlob(store(), *digest, kNoLimit);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_TRUE(*read == bytes) << "of " << size << " bytes";
  }
}

TEST_P(BlobStoreContract, WriterWithoutExpectationReturnsTheDigest) {
  const std::string bytes = Pattern(5000);
  const auto writer = store()->OpenWriter({});
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE((*writer)->Append(bytes.substr(0, 1)).ok());
  ASSERT_TRUE((*writer)->Append("").ok());
  ASSERT_TRUE((*writer)->Append(bytes.substr(1)).ok());
  const absl::StatusOr<BlobDigest> digest = (*writer)->Commit();
  ASSERT_TRUE(digest.ok()) << digest.status();
  EXPECT_EQ(*digest, BlobDigest::Of(bytes));
}

TEST_P(BlobStoreContract, StoringTwiceIsNoError) {
  ASSERT_TRUE(PutBytes(store(), "twice").ok());
  EXPECT_TRUE(PutBytes(store(), "twice").ok());
  EXPECT_EQ(*ReadBlob(store(), BlobDigest::Of("twice"), kNoLimit), "twice");
}

TEST_P(BlobStoreContract, ReadsFromAnOffset) {
  const std::string bytes = Pattern(300'000);
  const BlobDigest digest = *PutBytes(store(), bytes);
  for (const uint64_t offset : {0, 1, 4095, 4096, 299'999, 300'000}) {
    const absl::StatusOr<std::string> read = ReadFrom(store(), digest, offset, 7001);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_TRUE(*read == bytes.substr(offset)) << "from " << offset;
  }
}

TEST_P(BlobStoreContract, OffsetBeyondTheEndIsOutOfRange) {
  const BlobDigest digest = *PutBytes(store(), "four");
  EXPECT_TRUE(absl::IsOutOfRange(ReadFrom(store(), digest, 5, 10).status()));
}

TEST_P(BlobStoreContract, UnknownBlobIsNotFound) {
  const BlobDigest unknown = BlobDigest::Of("never stored");
  EXPECT_TRUE(absl::IsNotFound(ReadBlob(store(), unknown, kNoLimit).status()));
  EXPECT_FALSE(*store()->Contains(unknown));
}

TEST_P(BlobStoreContract, SizeIsPartOfTheName) {
  const BlobDigest stored = *PutBytes(store(), "size matters");
  const BlobDigest other = *BlobDigest::Create(stored.sha256(), stored.size_bytes() + 1);
  EXPECT_FALSE(*store()->Contains(other));
  EXPECT_TRUE(absl::IsNotFound(ReadBlob(store(), other, kNoLimit).status()));
  EXPECT_TRUE(*store()->Contains(stored));
}

TEST_P(BlobStoreContract, FindMissingKeepsTheOrderOfItsArgument) {
  ASSERT_TRUE(PutBytes(store(), "here").ok());
  const BlobDigest here = BlobDigest::Of("here");
  const BlobDigest b = BlobDigest::Of("b");
  const BlobDigest a = BlobDigest::Of("a");
  const std::vector<BlobDigest> asked = {b, here, a};
  EXPECT_THAT(*store()->FindMissing(asked), ElementsAre(b, a));
  EXPECT_THAT(*store()->FindMissing({}), IsEmpty());
}

TEST_P(BlobStoreContract, BlobIsInvisibleBeforeCommit) {
  const BlobDigest digest = BlobDigest::Of("unborn");
  {
    const auto writer = store()->OpenWriter({.expected = digest});
    ASSERT_TRUE((*writer)->Append("unborn").ok());
    EXPECT_FALSE(*store()->Contains(digest));
  }
  EXPECT_FALSE(*store()->Contains(digest));
  EXPECT_TRUE(absl::IsNotFound(ReadBlob(store(), digest, kNoLimit).status()));
}

TEST_P(BlobStoreContract, OtherBytesThanExpectedAreRefused) {
  const auto writer = store()->OpenWriter({.expected = BlobDigest::Of("good")});
  ASSERT_TRUE((*writer)->Append("evil").ok());
  EXPECT_TRUE(absl::IsInvalidArgument((*writer)->Commit().status()));
  EXPECT_FALSE(*store()->Contains(BlobDigest::Of("good")));
  EXPECT_FALSE(*store()->Contains(BlobDigest::Of("evil")));
}

TEST_P(BlobStoreContract, FewerBytesThanExpectedAreRefused) {
  const auto writer = store()->OpenWriter({.expected = BlobDigest::Of("whole")});
  ASSERT_TRUE((*writer)->Append("who").ok());
  EXPECT_TRUE(absl::IsInvalidArgument((*writer)->Commit().status()));
}

TEST_P(BlobStoreContract, MoreBytesThanExpectedAreRefused) {
  const auto writer = store()->OpenWriter({.expected = BlobDigest::Of("four")});
  // A remote store may notice with the append or only at the end.
  absl::Status status = (*writer)->Append("fourteen");
  if (status.ok()) status = (*writer)->Commit().status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
}

TEST_P(BlobStoreContract, InterruptedUploadContinuesWhereItStopped) {
  const std::string bytes = Pattern(200'000);
  const WriteOptions options = {.expected = BlobDigest::Of(bytes), .upload_id = "upload_1"};
  {
    const auto writer = store()->OpenWriter(options);
    ASSERT_TRUE(writer.ok()) << writer.status();
    EXPECT_EQ((*writer)->committed_size(), 0);
    ASSERT_TRUE((*writer)->Append(bytes.substr(0, 150'000)).ok());
  }
  const auto writer = store()->OpenWriter(options);
  ASSERT_TRUE(writer.ok()) << writer.status();
  const uint64_t stands = (*writer)->committed_size();
  ASSERT_LE(stands, 150'000);
  ASSERT_TRUE((*writer)->Append(bytes.substr(stands)).ok());
  ASSERT_TRUE((*writer)->Commit().ok());
  EXPECT_TRUE(*ReadBlob(store(), BlobDigest::Of(bytes), kNoLimit) == bytes);
}

TEST_P(BlobStoreContract, InterruptedPutIsCompletedByTheNextOne) {
  constexpr size_t kSize = 2'500'000;
  for (const size_t sent : {size_t{0}, size_t{1}, size_t{1'500'000}, kSize}) {
    const std::string bytes = Pattern(kSize) + std::to_string(sent);
    const BlobDigest digest = BlobDigest::Of(bytes);
    {
      const auto writer =
          store()->OpenWriter({.expected = digest, .upload_id = digest.sha256().ToHex()});
      ASSERT_TRUE(writer.ok()) << writer.status();
      ASSERT_TRUE((*writer)->Append(bytes.substr(0, sent)).ok());
    }
    const absl::StatusOr<BlobDigest> put = PutResumably(store(), bytes);
    ASSERT_TRUE(put.ok()) << put.status();
    EXPECT_EQ(*put, digest);
    EXPECT_TRUE(*ReadBlob(store(), digest, kNoLimit) == bytes) << sent;
    EXPECT_EQ(*PutResumably(store(), bytes), digest);
  }
}

TEST_P(BlobStoreContract, PutOverAnUploadOfOtherBytesIsRefusedAndThenStartsAfresh) {
  const std::string bytes = Pattern(1000);
  const BlobDigest digest = BlobDigest::Of(bytes);
  {
    const auto writer =
        store()->OpenWriter({.expected = digest, .upload_id = digest.sha256().ToHex()});
    ASSERT_TRUE((*writer)->Append("other").ok());
  }
  EXPECT_TRUE(absl::IsInvalidArgument(PutResumably(store(), bytes).status()));
  ASSERT_EQ(*PutResumably(store(), bytes), digest);
  EXPECT_TRUE(*ReadBlob(store(), digest, kNoLimit) == bytes);
}

TEST_P(BlobStoreContract, CommittedUploadStartsAfresh) {
  const WriteOptions options = {.upload_id = "again"};
  {
    const auto writer = store()->OpenWriter(options);
    ASSERT_TRUE((*writer)->Append("first").ok());
    ASSERT_TRUE((*writer)->Commit().ok());
  }
  const auto writer = store()->OpenWriter(options);
  ASSERT_TRUE(writer.ok()) << writer.status();
  EXPECT_EQ((*writer)->committed_size(), 0);
}

TEST_P(BlobStoreContract, RefusedUploadStartsAfresh) {
  const WriteOptions options = {.expected = BlobDigest::Of("good"), .upload_id = "refused"};
  {
    const auto writer = store()->OpenWriter(options);
    ASSERT_TRUE((*writer)->Append("evil").ok());
    ASSERT_FALSE((*writer)->Commit().ok());
  }
  const auto writer = store()->OpenWriter(options);
  ASSERT_TRUE(writer.ok()) << writer.status();
  EXPECT_EQ((*writer)->committed_size(), 0);
  ASSERT_TRUE((*writer)->Append("good").ok());
  EXPECT_TRUE((*writer)->Commit().ok());
}

TEST_P(BlobStoreContract, UploadHasOneWriterAtATime) {
  const WriteOptions options = {.upload_id = "held"};
  const auto holder = store()->OpenWriter(options);
  ASSERT_TRUE(holder.ok()) << holder.status();
  ASSERT_TRUE((*holder)->Append("x").ok());
  EXPECT_TRUE(absl::IsAborted(store()->OpenWriter(options).status()));
}

TEST_P(BlobStoreContract, UploadIdCannotNameAPath) {
  const std::string too_long(65, 'a');
  for (const std::string& id : {std::string("../evil"), std::string("a/b"), std::string("."),
                                std::string("a b"), too_long}) {
    EXPECT_TRUE(absl::IsInvalidArgument(store()->OpenWriter({.upload_id = id}).status())) << id;
  }
}

TEST_P(BlobStoreContract, ManyThreadsMayReadAndWriteAtOnce) {
  constexpr int kThreads = 8;
  const std::string shared = Pattern(100'000);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this, i, &shared] {
      const std::string own = Pattern(1000 + static_cast<size_t>(i));
      for (const std::string& bytes : {shared, own}) {
        const absl::StatusOr<BlobDigest> digest = PutBytes(store(), bytes);
        ASSERT_TRUE(digest.ok()) << digest.status();
        const absl::StatusOr<std::string> read = ReadBlob(store(), *digest, kNoLimit);
        ASSERT_TRUE(read.ok()) << read.status();
        EXPECT_TRUE(*read == bytes);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace graft::blob
