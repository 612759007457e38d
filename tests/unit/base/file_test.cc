#include "common/base/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <utility>

namespace graft::base {
namespace {

namespace fs = std::filesystem;

using testing::HasSubstr;

int CountEntries(const std::string& folder) {
  return static_cast<int>(std::distance(fs::directory_iterator(folder), {}));
}

class FileTest : public testing::Test {
 protected:
  const TempDir directory_ = *TempDir::Create();
};

TEST_F(FileTest, ReadsBackWhatWasWritten) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{65536}, size_t{1'000'000}}) {
    const std::string contents(size, 'x');
    ASSERT_TRUE(WriteFileDurably(directory_.Join("file"), contents).ok());
    const absl::StatusOr<std::string> read = ReadFile(directory_.Join("file"));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_TRUE(*read == contents) << "of " << size << " bytes";
  }
  EXPECT_EQ(CountEntries(directory_.path()), 1) << "no temporary file is left";
}

TEST_F(FileTest, WritesWithTheModeAskedFor) {
  ASSERT_TRUE(WriteFileDurably(directory_.Join("token"), "secret", 0600).ok());
  struct stat info;
  ASSERT_EQ(stat(directory_.Join("token").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600);
}

TEST_F(FileTest, FailedWriteLeavesNothingBehind) {
  ASSERT_TRUE(CreateDirectories(directory_.Join("taken/child")).ok());
  const absl::Status status = WriteFileDurably(directory_.Join("taken"), "x");
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr(directory_.Join("taken")));
  EXPECT_EQ(CountEntries(directory_.path()), 1);
}

TEST_F(FileTest, ErrorsNameThePath) {
  const absl::Status missing = ReadFile(directory_.Join("missing")).status();
  EXPECT_TRUE(absl::IsNotFound(missing));
  EXPECT_THAT(std::string(missing.message()), HasSubstr(directory_.Join("missing")));
  const absl::Status folder = ReadFile(directory_.path()).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(folder));
  EXPECT_THAT(std::string(folder.message()), HasSubstr(directory_.path()));
}

TEST_F(FileTest, FileBeyondTheLimitIsNotRead) {
  ASSERT_TRUE(WriteFileDurably(directory_.Join("file"), "12345").ok());
  EXPECT_TRUE(absl::IsResourceExhausted(ReadFile(directory_.Join("file"), 4).status()));
  EXPECT_EQ(*ReadFile(directory_.Join("file"), 5), "12345");
}

TEST_F(FileTest, ReadsFilesThatDoNotStateTheirSize) {
  const absl::StatusOr<std::string> status = ReadFile("/proc/self/status");
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_THAT(*status, HasSubstr("Pid:"));
  EXPECT_TRUE(absl::IsResourceExhausted(ReadFile("/proc/self/status", 10).status()));
}

TEST_F(FileTest, CreatesMissingParents) {
  EXPECT_TRUE(CreateDirectories(directory_.Join("a/b/c")).ok());
  EXPECT_TRUE(CreateDirectories(directory_.Join("a/b/c")).ok());
  EXPECT_TRUE(fs::is_directory(directory_.Join("a/b/c")));
  ASSERT_TRUE(WriteFileDurably(directory_.Join("file"), "").ok());
  EXPECT_FALSE(CreateDirectories(directory_.Join("file/below")).ok());
}

TEST(TempDirTest, IsRemovedWithItsContents) {
  std::string path;
  {
    TempDir directory = *TempDir::Create("graft-test-");
    path = directory.path();
    EXPECT_THAT(path, HasSubstr("/graft-test-"));
    ASSERT_TRUE(WriteFileDurably(directory.Join("file"), "x").ok());
    const TempDir moved = std::move(directory);
    EXPECT_EQ(moved.path(), path);
    EXPECT_TRUE(fs::exists(path));
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(FileTest, LockHasOneHolderAtATime) {
  const std::string path = directory_.Join("LOCK");
  {
    const absl::StatusOr<FileLock> holder = FileLock::TryAcquire(path);
    ASSERT_TRUE(holder.ok()) << holder.status();
    EXPECT_TRUE(absl::IsFailedPrecondition(FileLock::TryAcquire(path).status()));
  }
  EXPECT_TRUE(FileLock::TryAcquire(path).ok());
}

TEST_F(FileTest, WriteToAFullDeviceIsResourceExhausted) {
  const absl::StatusOr<UniqueFd> full = OpenFile("/dev/full", O_WRONLY);
  if (!full.ok()) GTEST_SKIP() << "no /dev/full here: " << full.status();
  EXPECT_TRUE(absl::IsResourceExhausted(WriteFully(full->get(), "x", "write /dev/full")));
}

TEST(UniqueFdTest, ClosesWhatItOwns) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const UniqueFd reader(ends[0]);
  {
    UniqueFd writer(ends[1]);
    const UniqueFd moved = std::move(writer);
    EXPECT_FALSE(writer.valid());
    EXPECT_EQ(moved.get(), ends[1]);
  }
  char byte;
  EXPECT_EQ(read(reader.get(), &byte, 1), 0) << "the other end is closed";
}

}  // namespace
}  // namespace graft::base
