#include "common/blob/disk_blob_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/fake_clock.h"
#include "common/base/file.h"
#include "common/blob/blob_io.h"
#include "common/digest/blob_digest.h"

namespace graft::blob {
namespace {

namespace fs = std::filesystem;

using digest::BlobDigest;
using testing::ElementsAre;

constexpr uint64_t kNoLimit = uint64_t{1} << 40;

// The files below a folder, however deep.
int CountFiles(const std::string& folder) {
  int count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) ++count;
  }
  return count;
}

class DiskBlobStoreTest : public testing::Test {
 protected:
  std::unique_ptr<DiskBlobStore> Open() {
    absl::StatusOr<std::unique_ptr<DiskBlobStore>> store =
        DiskBlobStore::Open({.directory = directory_.path(), .clock = &clock_});
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }

  std::string PathOf(const BlobDigest& digest) const {
    const std::string hex = digest.sha256().ToHex();
    return directory_.Join(
        absl::StrCat("blobs/", hex.substr(0, 2), "/", hex.substr(2), "-", digest.size_bytes()));
  }

  // Changes one byte of a stored blob behind the store's back.
  void FlipByte(const BlobDigest& digest, int64_t position) const {
    ASSERT_EQ(chmod(PathOf(digest).c_str(), 0644), 0);
    std::fstream file(PathOf(digest), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(position);
    const char byte = static_cast<char>(file.get() ^ 1);
    file.seekp(position);
    file.put(byte);
    ASSERT_TRUE(file.good());
  }

  int CountTemporaries() const { return CountFiles(directory_.Join("tmp")); }
  int CountQuarantined() const { return CountFiles(directory_.Join("quarantine")); }

  const base::TempDir directory_ = *base::TempDir::Create();
  base::FakeClock clock_{absl::Now()};
};

TEST_F(DiskBlobStoreTest, BlobSurvivesReopening) {
  const BlobDigest digest = *PutBytes(Open().get(), "lasting");
  const auto store = Open();
  EXPECT_EQ(*ReadBlob(store.get(), digest, kNoLimit), "lasting");
  EXPECT_EQ(store->Stats().blob_count, 1);
  EXPECT_EQ(store->Stats().size_bytes, 7);
}

TEST_F(DiskBlobStoreTest, LaysBlobsOutAsDocumented) {
  const auto store = Open();
  const BlobDigest digest = *PutBytes(store.get(), "abc");
  // SHA-256 of "abc": FIPS 180-2, appendix B.1.
  const std::string path =
      directory_.Join("blobs/ba/7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad-3");
  EXPECT_EQ(path, PathOf(digest));
  EXPECT_EQ(*base::ReadFile(path), "abc");
}

TEST_F(DiskBlobStoreTest, OpensInOneProcessOnly) {
  const auto store = Open();
  EXPECT_TRUE(
      absl::IsFailedPrecondition(DiskBlobStore::Open({.directory = directory_.path()}).status()));
}

TEST_F(DiskBlobStoreTest, CorruptBlobIsQuarantinedAndNeverServed) {
  const auto store = Open();
  const std::string bytes(100'000, 'x');
  const BlobDigest digest = *PutBytes(store.get(), bytes);
  FlipByte(digest, 99'999);

  // Even a reader of the undamaged part gets nothing.
  EXPECT_TRUE(absl::IsDataLoss(store->OpenReader(digest, 0).status()));
  EXPECT_EQ(CountQuarantined(), 1);
  EXPECT_EQ(store->Stats().quarantined_count, 1);
  EXPECT_EQ(store->Stats().blob_count, 0);
  EXPECT_EQ(store->Stats().size_bytes, 0);
  EXPECT_FALSE(*store->Contains(digest));
  EXPECT_TRUE(absl::IsNotFound(store->OpenReader(digest, 0).status()));
}

TEST_F(DiskBlobStoreTest, TruncatedBlobIsQuarantined) {
  const auto store = Open();
  const BlobDigest digest = *PutBytes(store.get(), "to be cut");
  ASSERT_EQ(truncate(PathOf(digest).c_str(), 5), 0);
  EXPECT_TRUE(absl::IsDataLoss(store->OpenReader(digest, 0).status()));
  EXPECT_EQ(CountQuarantined(), 1);
}

TEST_F(DiskBlobStoreTest, CorruptBlobCanBeStoredAgain) {
  const auto store = Open();
  const BlobDigest digest = *PutBytes(store.get(), "heal me");
  FlipByte(digest, 0);
  ASSERT_TRUE(absl::IsDataLoss(store->OpenReader(digest, 0).status()));
  ASSERT_TRUE(PutBytes(store.get(), "heal me").ok());
  EXPECT_EQ(*ReadBlob(store.get(), digest, kNoLimit), "heal me");
}

TEST_F(DiskBlobStoreTest, StoringOverAnUndetectedCorruptionHealsIt) {
  const auto store = Open();
  const BlobDigest digest = *PutBytes(store.get(), "heal me");
  FlipByte(digest, 0);
  ASSERT_TRUE(PutBytes(store.get(), "heal me").ok());
  EXPECT_EQ(*ReadBlob(store.get(), digest, kNoLimit), "heal me");
  EXPECT_EQ(store->Stats().blob_count, 1);
}

TEST_F(DiskBlobStoreTest, KilledWriterLeavesNoVisibleBlob) {
  const std::string bytes(1 << 20, 'k');
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto store = DiskBlobStore::Open({.directory = directory_.path()});
    const auto writer = (*store)->OpenWriter({});
    if (!(*writer)->Append(bytes).ok()) _exit(1);
    if (write(ready[1], "r", 1) != 1) _exit(1);
    while (true) pause();
  }
  close(ready[1]);
  char signal_byte;
  ASSERT_EQ(read(ready[0], &signal_byte, 1), 1);
  close(ready[0]);
  ASSERT_EQ(kill(child, SIGKILL), 0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  ASSERT_EQ(CountTemporaries(), 1);

  const auto store = Open();
  EXPECT_EQ(store->Stats().blob_count, 0);
  EXPECT_FALSE(*store->Contains(BlobDigest::Of(bytes)));
  EXPECT_EQ(CountTemporaries(), 0) << "the leftover is removed when the store is opened";
}

TEST_F(DiskBlobStoreTest, AbandonedWriterLeavesNoFile) {
  const auto store = Open();
  { ASSERT_TRUE((*store->OpenWriter({}))->Append("gone").ok()); }
  EXPECT_EQ(CountTemporaries(), 0);
}

TEST_F(DiskBlobStoreTest, UploadContinuesAfterReopening) {
  {
    const auto store = Open();
    ASSERT_TRUE((*store->OpenWriter({.upload_id = "u"}))->Append("front ").ok());
  }
  const auto store = Open();
  const auto writer = *store->OpenWriter({.upload_id = "u"});
  EXPECT_EQ(writer->committed_size(), 6);
  ASSERT_TRUE(writer->Append("back").ok());
  EXPECT_EQ(*writer->Commit(), BlobDigest::Of("front back"));
}

TEST_F(DiskBlobStoreTest, OldUploadIsRemovedAtOpen) {
  {
    const auto store = Open();
    ASSERT_TRUE((*store->OpenWriter({.upload_id = "u"}))->Append("front ").ok());
  }
  ASSERT_EQ(CountTemporaries(), 1);
  clock_.Advance(absl::Hours(25));
  const auto store = Open();
  EXPECT_EQ(CountTemporaries(), 0);
}

TEST_F(DiskBlobStoreTest, DeleteLeavesOpenReadersAlone) {
  const auto store = Open();
  const BlobDigest digest = *PutBytes(store.get(), "still here");
  const auto reader = *store->OpenReader(digest, 0);
  ASSERT_TRUE(store->Delete(digest).ok());
  std::vector<char> buffer(100);
  ASSERT_EQ(*reader->Read(buffer), 10);
  EXPECT_EQ(std::string(buffer.data(), 10), "still here");
  EXPECT_TRUE(absl::IsNotFound(store->OpenReader(digest, 0).status()));
  EXPECT_TRUE(absl::IsNotFound(store->Delete(digest)));
  EXPECT_EQ(store->Stats().blob_count, 0);
}

TEST_F(DiskBlobStoreTest, ListsTheLeastRecentlyOpenedFirst) {
  const auto store = Open();
  const BlobDigest a = *PutBytes(store.get(), "a");
  const BlobDigest b = *PutBytes(store.get(), "b");
  // Times of the file system are coarse: set one instead of waiting.
  const timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
  ASSERT_EQ(utimensat(AT_FDCWD, PathOf(a).c_str(), long_ago, 0), 0);
  EXPECT_THAT(*store->List(), ElementsAre(a, b));
  ASSERT_EQ(utimensat(AT_FDCWD, PathOf(b).c_str(), long_ago, 0), 0);
  ASSERT_TRUE(store->OpenReader(a, 0).ok());
  EXPECT_THAT(*store->List(), ElementsAre(b, a));
}

TEST_F(DiskBlobStoreTest, ForeignFilesAreNotBlobs) {
  const auto store = Open();
  fs::create_directory(directory_.Join("blobs/00"));
  std::ofstream(directory_.Join("blobs/00/README")) << "hello";
  std::ofstream(directory_.Join("blobs/00/abc-def")) << "hello";
  EXPECT_TRUE(store->List()->empty());
}

// A file system of 1 MiB of its own.
class FullDiskTest : public DiskBlobStoreTest {
 protected:
  void SetUp() override {
    if (mount("tmpfs", directory_.path().c_str(), "tmpfs", 0, "size=1m") != 0) {
      GTEST_SKIP() << "a full disk needs the right to mount a tmpfs: " << strerror(errno);
    }
    mounted_ = true;
  }
  void TearDown() override {
    if (mounted_) umount2(directory_.path().c_str(), MNT_DETACH);
  }

 private:
  bool mounted_ = false;
};

TEST_F(FullDiskTest, WriteIsResourceExhaustedAndLeavesTheStoreWhole) {
  const auto store = Open();
  const BlobDigest small = *PutBytes(store.get(), "fits");
  EXPECT_TRUE(absl::IsResourceExhausted(PutBytes(store.get(), std::string(2 << 20, 'f')).status()));
  EXPECT_EQ(CountTemporaries(), 0);
  EXPECT_EQ(store->Stats().blob_count, 1);
  EXPECT_EQ(*ReadBlob(store.get(), small, kNoLimit), "fits");
  EXPECT_TRUE(PutBytes(store.get(), "also fits").ok());
}

}  // namespace
}  // namespace graft::blob
