#include "services/worker/trial_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/blob/blob_io.h"
#include "common/blob/memory_blob_store.h"

namespace graft::worker {
namespace {

class DatasetFilesTest : public ::testing::Test {
 protected:
  std::shared_ptr<const DatasetFile> Fetch(const std::string& content) {
    const digest::BlobDigest digest = blob::PutBytes(&store_, content).value();
    return files_.Fetch(digest, &store_, &bytes_).value();
  }
  std::int64_t FoldersLeft() const {
    return std::distance(std::filesystem::directory_iterator(folder_.path()), {});
  }

  const base::TempDir folder_ = base::TempDir::Create().value();
  blob::MemoryBlobStore store_;
  DatasetFiles files_{folder_.path()};
  std::int64_t bytes_ = 0;
};

TEST_F(DatasetFilesTest, FileHoldsTheBlobAndIsCopiedOnce) {
  EXPECT_EQ(base::ReadFile(Fetch("pixels")->path()).value(), "pixels");
  EXPECT_EQ(bytes_, 6);
  Fetch("pixels");
  EXPECT_EQ(bytes_, 6);
}

TEST_F(DatasetFilesTest, FilesInUseAndTheLastTwoAreKept) {
  const auto used = Fetch("used");
  const std::string old = Fetch("old")->path();
  const std::string newer = Fetch("newer")->path();
  Fetch("newest");
  EXPECT_TRUE(std::filesystem::exists(used->path()));
  EXPECT_FALSE(std::filesystem::exists(old));
  EXPECT_TRUE(std::filesystem::exists(newer));
  EXPECT_EQ(FoldersLeft(), 3);
}

TEST_F(DatasetFilesTest, FailedCopyLeavesNothing) {
  const auto missing = digest::BlobDigest::Of("not stored");
  EXPECT_TRUE(absl::IsNotFound(files_.Fetch(missing, &store_, &bytes_).status()));
  EXPECT_EQ(FoldersLeft(), 0);
  EXPECT_EQ(bytes_, 0);
}

}  // namespace
}  // namespace graft::worker
