#include "common/blob/blob_io.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include "common/base/file.h"
#include "common/blob/memory_blob_store.h"
#include "common/digest/blob_digest.h"

namespace graft::blob {
namespace {

using digest::BlobDigest;

// A store whose blobs all end after one byte.
class ShortStore final : public BlobStore {
 public:
  absl::StatusOr<std::vector<BlobDigest>> FindMissing(std::span<const BlobDigest>) override {
    return std::vector<BlobDigest>();
  }
  absl::StatusOr<std::unique_ptr<BlobReader>> OpenReader(const BlobDigest&, uint64_t) override {
    return std::make_unique<OneByteReader>();
  }
  absl::StatusOr<std::unique_ptr<BlobWriter>> OpenWriter(const WriteOptions&) override {
    return absl::UnimplementedError("read only");
  }

 private:
  class OneByteReader final : public BlobReader {
   public:
    absl::StatusOr<size_t> Read(std::span<char> buffer) override {
      buffer[0] = 'x';
      return std::exchange(left_, 0);
    }

   private:
    size_t left_ = 1;
  };
};

// Counts the bytes that are appended to another store's blobs.
class CountingStore final : public BlobStore {
 public:
  explicit CountingStore(BlobStore* store) : store_(store) {}

  absl::StatusOr<std::vector<BlobDigest>> FindMissing(
      std::span<const BlobDigest> digests) override {
    return store_->FindMissing(digests);
  }
  absl::StatusOr<std::unique_ptr<BlobReader>> OpenReader(const BlobDigest& digest,
                                                         uint64_t offset) override {
    return store_->OpenReader(digest, offset);
  }
  absl::StatusOr<std::unique_ptr<BlobWriter>> OpenWriter(const WriteOptions& options) override {
    absl::StatusOr<std::unique_ptr<BlobWriter>> writer = store_->OpenWriter(options);
    if (!writer.ok()) return writer.status();
    return std::make_unique<Writer>(*std::move(writer), &appended_);
  }

  uint64_t appended() const { return appended_; }

 private:
  class Writer final : public BlobWriter {
   public:
    Writer(std::unique_ptr<BlobWriter> writer, uint64_t* appended)
        : writer_(std::move(writer)), appended_(appended) {}

    absl::Status Append(std::string_view bytes) override {
      *appended_ += bytes.size();
      return writer_->Append(bytes);
    }
    absl::StatusOr<BlobDigest> Commit() override { return writer_->Commit(); }
    uint64_t committed_size() const override { return writer_->committed_size(); }

   private:
    const std::unique_ptr<BlobWriter> writer_;
    uint64_t* const appended_;
  };

  BlobStore* const store_;
  uint64_t appended_ = 0;
};

TEST(BlobIoTest, ResumedPutSendsWhatIsMissingAndNothingTwice) {
  const std::string bytes = std::string(400'000, 'a') + std::string(300'000, 'b');
  const BlobDigest digest = BlobDigest::Of(bytes);
  MemoryBlobStore store;
  {
    const auto writer =
        store.OpenWriter({.expected = digest, .upload_id = digest.sha256().ToHex()});
    ASSERT_TRUE((*writer)->Append(bytes.substr(0, 500'000)).ok());
  }
  CountingStore counting(&store);
  EXPECT_EQ(*PutResumably(&counting, bytes), digest);
  EXPECT_EQ(counting.appended(), 200'000);
  EXPECT_EQ(*PutResumably(&counting, bytes), digest);
  EXPECT_EQ(counting.appended(), 200'000);
}

TEST(BlobIoTest, FileRoundTrip) {
  const base::TempDir directory = *base::TempDir::Create();
  const std::string bytes(700'000, 'f');
  ASSERT_TRUE(base::WriteFileDurably(directory.Join("in"), bytes).ok());
  MemoryBlobStore store;
  const absl::StatusOr<BlobDigest> digest = PutFile(&store, directory.Join("in"));
  ASSERT_TRUE(digest.ok()) << digest.status();
  EXPECT_EQ(*digest, BlobDigest::Of(bytes));
  ASSERT_TRUE(ReadBlobToFile(&store, *digest, directory.Join("out")).ok());
  EXPECT_TRUE(*base::ReadFile(directory.Join("out")) == bytes);
}

TEST(BlobIoTest, MissingFileIsNotFoundAndNamed) {
  MemoryBlobStore store;
  const absl::Status status = PutFile(&store, "/no/such/file").status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_NE(std::string(status.message()).find("/no/such/file"), std::string::npos);
}

TEST(BlobIoTest, ExistingFileIsNotOverwritten) {
  const base::TempDir directory = *base::TempDir::Create();
  ASSERT_TRUE(base::WriteFileDurably(directory.Join("taken"), "mine").ok());
  MemoryBlobStore store;
  const BlobDigest digest = *PutBytes(&store, "yours");
  EXPECT_TRUE(absl::IsAlreadyExists(ReadBlobToFile(&store, digest, directory.Join("taken"))));
  EXPECT_EQ(*base::ReadFile(directory.Join("taken")), "mine");
}

TEST(BlobIoTest, FailedReadLeavesNoFile) {
  const base::TempDir directory = *base::TempDir::Create();
  ShortStore store;
  EXPECT_TRUE(
      absl::IsDataLoss(ReadBlobToFile(&store, BlobDigest::Of("abc"), directory.Join("out"))));
  EXPECT_FALSE(std::filesystem::exists(directory.Join("out")));
}

TEST(BlobIoTest, ShortStreamIsDataLoss) {
  ShortStore store;
  EXPECT_TRUE(absl::IsDataLoss(ReadBlob(&store, BlobDigest::Of("abc"), 100).status()));
}

TEST(BlobIoTest, BlobBeyondTheLimitIsNotRead) {
  MemoryBlobStore store;
  const BlobDigest digest = *PutBytes(&store, "12345");
  EXPECT_TRUE(absl::IsResourceExhausted(ReadBlob(&store, digest, 4).status()));
  EXPECT_TRUE(ReadBlob(&store, digest, 5).ok());
}

TEST(BlobIoTest, CopiesBetweenStores) {
  MemoryBlobStore from;
  MemoryBlobStore to;
  const BlobDigest digest = *PutBytes(&from, "travels");
  ASSERT_TRUE(CopyBlob(&from, &to, digest).ok());
  EXPECT_EQ(*ReadBlob(&to, digest, 100), "travels");
  EXPECT_TRUE(absl::IsNotFound(CopyBlob(&from, &to, BlobDigest::Of("unknown"))));
}

}  // namespace
}  // namespace graft::blob
