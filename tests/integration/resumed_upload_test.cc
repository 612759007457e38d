// `graft dataset add` that is killed in the middle and run again.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/child_process.h"
#include "common/base/file.h"
#include "common/base/rng.h"
#include "common/data/dataset_format.h"
#include "common/data/dataset_import.h"
#include "common/digest/blob_digest.h"
#include "tests/integration/process_cluster.h"
#include "tests/integration/stalling_proxy.h"

namespace graft::testing {
namespace {

// Turns a hang into a failure.
constexpr absl::Duration kPatience = absl::Minutes(3);
constexpr absl::Duration kPollInterval = absl::Milliseconds(20);

// 40 MiB of training images and one of test images.
constexpr std::uint32_t kEdge = 1024;
constexpr std::uint32_t kTrainImages = 40;
constexpr std::int64_t kSentBeforeTheKill = 12 << 20;
// What arrives of it: whole messages of 1 MiB. The last one lacks what frames take.
constexpr std::uint64_t kArrived = 11 << 20;

std::string BigEndian(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
          static_cast<char>(value >> 8), static_cast<char>(value)};
}

void WriteIdxPair(const std::string& prefix, std::uint32_t count) {
  base::Rng rng(/*seed=*/count, /*stream=*/1);
  std::string images = BigEndian(0x803) + BigEndian(count) + BigEndian(kEdge) + BigEndian(kEdge);
  images.reserve(images.size() + std::size_t{count} * kEdge * kEdge);
  for (std::uint32_t i = 0; i < count * kEdge * kEdge; ++i) {
    images.push_back(static_cast<char>(rng.NextU32()));
  }
  const std::string labels = BigEndian(0x801) + BigEndian(count) + std::string(count, '\0');
  ASSERT_TRUE(base::WriteFileDurably(prefix + "-images-idx3-ubyte", images).ok());
  ASSERT_TRUE(base::WriteFileDurably(prefix + "-labels-idx1-ubyte", labels).ok());
}

class ResumedUploadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    data_ = folder_.Join("data");
    ASSERT_TRUE(base::CreateDirectories(data_).ok());
    ASSERT_NO_FATAL_FAILURE(WriteIdxPair(data_ + "/train", kTrainImages));
    ASSERT_NO_FATAL_FAILURE(WriteIdxPair(data_ + "/t10k", 1));
    expected_ = digest::BlobDigest::Of(data::EncodeDataset(data::ImportDataset(data_).value()));
    auto cluster = ProcessCluster::Start({.workers = 0});
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
  }

  // Adds the data set over a connection that stalls, and kills the program once the store has taken
  // what has arrived.
  void AddUntilKilled() {
    auto proxy = StallingProxy::Start(cluster_->store_address(), kSentBeforeTheKill);
    ASSERT_TRUE(proxy.ok()) << proxy.status();
    const std::string log = folder_.Join("killed.log");
    auto program = base::ChildProcess::Start(
        {.arguments = {Program("graft"), "--server", cluster_->address(), "--weight-store",
                       (*proxy)->address(), "dataset", "add", "large", data_},
         .log_path = log,
         .ends_with_parent = true});
    ASSERT_TRUE(program.ok()) << program.status();
    const absl::Status stalled = (*proxy)->AwaitStall(kPatience);
    ASSERT_TRUE(stalled.ok()) << stalled << base::ReadFile(log).value_or("");
    const absl::Time deadline = absl::Now() + kPatience;
    while (Kept() != kArrived) {
      ASSERT_LT(absl::Now(), deadline) << Kept() << " bytes kept";
      absl::SleepFor(kPollInterval);
    }
    program->Kill();
  }

  // Bytes of the upload that the store has kept.
  std::uint64_t Kept() const {
    std::error_code missing;
    const std::uintmax_t size = std::filesystem::file_size(
        cluster_->Path("store/tmp/upload-" + expected_.sha256().ToHex()), missing);
    return missing ? 0 : size;
  }

  // Bytes that the store has taken since it was started.
  std::uint64_t Written() const {
    std::istringstream lines(cluster_->Metrics("weight-store").value_or(""));
    std::string name;
    for (std::string line; std::getline(lines, line);) {
      double value = 0;
      const std::string prefix = "graft_store_written_bytes_total ";
      if (line.rfind(prefix, 0) == 0 && absl::SimpleAtod(line.substr(prefix.size()), &value)) {
        return static_cast<std::uint64_t>(value);
      }
    }
    return 0;
  }

  void ExpectAdded() {
    const CommandResult added = cluster_->Graft({"dataset", "add", "large", data_});
    EXPECT_EQ(added.exit_code, 0) << added.errors;
    const auto client = cluster_->Connect();
    ASSERT_TRUE(client.ok()) << client.status();
    const auto dataset = (*client)->GetDataset("datasets/large");
    ASSERT_TRUE(dataset.ok()) << dataset.status();
    EXPECT_EQ(dataset->digest(), expected_.ToString());
  }

  const base::TempDir folder_ = base::TempDir::Create("graft-upload-").value();
  std::string data_;
  digest::BlobDigest expected_ = digest::BlobDigest::Of("");
  std::unique_ptr<ProcessCluster> cluster_;
};

TEST_F(ResumedUploadTest, KilledUploadSendsOnlyTheRestWhenRunAgain) {
  ASSERT_NO_FATAL_FAILURE(AddUntilKilled());
  EXPECT_EQ(Written(), kArrived);
  ASSERT_NO_FATAL_FAILURE(ExpectAdded());
  EXPECT_EQ(Written(), expected_.size_bytes());
  ASSERT_NO_FATAL_FAILURE(ExpectAdded());
  EXPECT_EQ(Written(), expected_.size_bytes());
}

TEST_F(ResumedUploadTest, UploadGoesOnAfterTheStoreWasKilledToo) {
  ASSERT_NO_FATAL_FAILURE(AddUntilKilled());
  cluster_->store().Kill();
  ASSERT_TRUE(cluster_->RestartStore().ok()) << cluster_->Log("weight-store");
  EXPECT_EQ(Kept(), kArrived);
  EXPECT_EQ(Written(), 0);
  ASSERT_NO_FATAL_FAILURE(ExpectAdded());
  EXPECT_EQ(Written(), expected_.size_bytes() - kArrived);
}

}  // namespace
}  // namespace graft::testing
