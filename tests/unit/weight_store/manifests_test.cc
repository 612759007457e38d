#include "services/weight_store/core/manifests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "common/blob/blob_io.h"
#include "common/blob/memory_blob_store.h"

namespace graft::weight_store {
namespace {

using digest::BlobDigest;
using digest::WeightsDigest;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// In this test a manifest is "refers to:" and the digest of one blob.
constexpr std::string_view kMagic = "refers to:";

absl::StatusOr<std::vector<BlobDigest>> ReadManifest(std::string_view bytes) {
  if (bytes.substr(0, kMagic.size()) != kMagic) return absl::InvalidArgumentError("not a manifest");
  ASSIGN_OR_RETURN(const BlobDigest blob, BlobDigest::Parse(bytes.substr(kMagic.size())));
  return std::vector{blob};
}

class ManifestsTest : public testing::Test {
 protected:
  std::unique_ptr<Manifests> Open() {
    auto manifests = Manifests::Open(folder_.Join("manifests"), &store_, ReadManifest);
    EXPECT_TRUE(manifests.ok()) << manifests.status();
    return *std::move(manifests);
  }

  // Stores a manifest that refers to the blob of `text`.
  WeightsDigest StoreManifest(const std::string& text) {
    return WeightsDigest(
        *blob::PutBytes(&store_, std::string(kMagic) + BlobDigest::Of(text).ToString()));
  }

  WeightsDigest Committed(Manifests* manifests, const std::string& text) {
    EXPECT_TRUE(blob::PutBytes(&store_, text).ok());
    const WeightsDigest manifest = StoreManifest(text);
    EXPECT_TRUE(manifests->Commit(manifest).ok());
    return manifest;
  }

  const base::TempDir folder_ = *base::TempDir::Create();
  blob::MemoryBlobStore store_;
};

TEST_F(ManifestsTest, CommitThatWasInterruptedLeavesNothingThatStopsTheNextStart) {
  Committed(Open().get(), "weights");
  const std::string unfinished = folder_.Join("manifests") + "/ab12-7.tmp.Xy12Zz";
  ASSERT_TRUE(base::WriteFileDurably(unfinished, "").ok());
  EXPECT_EQ(Open()->Count(), 1u);
  EXPECT_TRUE(absl::IsNotFound(base::ReadFile(unfinished).status()));
}

TEST_F(ManifestsTest, CommittedManifestsOutliveTheProcess) {
  const WeightsDigest manifest = Committed(Open().get(), "weights");
  const auto reopened = Open();
  EXPECT_EQ(reopened->Count(), 1u);
  EXPECT_EQ(reopened->List(10, "")->manifests, std::vector{manifest});
}

TEST_F(ManifestsTest, CommittingTwiceIsNoError) {
  const auto manifests = Open();
  EXPECT_TRUE(manifests->Commit(Committed(manifests.get(), "weights")).ok());
  EXPECT_EQ(manifests->Count(), 1u);
}

TEST_F(ManifestsTest, ManifestWhoseBlobIsMissingIsRefusedAndNamesIt) {
  const auto manifests = Open();
  const absl::Status status = manifests->Commit(StoreManifest("absent"));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr(BlobDigest::Of("absent").ToString()));
  EXPECT_EQ(manifests->Count(), 0u);
}

TEST_F(ManifestsTest, OtherBlobsAndMissingOnesAreRefused) {
  const auto manifests = Open();
  const WeightsDigest other(*blob::PutBytes(&store_, "something else"));
  EXPECT_TRUE(absl::IsInvalidArgument(manifests->Commit(other)));
  EXPECT_TRUE(absl::IsNotFound(manifests->Commit(WeightsDigest(BlobDigest::Of("nothing")))));
}

TEST_F(ManifestsTest, PagesAreInOrderAndComplete) {
  const auto manifests = Open();
  std::vector<WeightsDigest> all;
  for (int i = 0; i < 7; ++i) all.push_back(Committed(manifests.get(), std::to_string(i)));
  std::sort(all.begin(), all.end());
  std::vector<WeightsDigest> listed;
  std::string token;
  do {
    const auto page = manifests->List(3, token);
    ASSERT_TRUE(page.ok()) << page.status();
    ASSERT_LE(page->manifests.size(), 3u);
    listed.insert(listed.end(), page->manifests.begin(), page->manifests.end());
    token = page->next_page_token;
  } while (!token.empty());
  EXPECT_THAT(listed, ElementsAreArray(all));
}

TEST_F(ManifestsTest, BadPageTokenIsInvalid) {
  EXPECT_TRUE(absl::IsInvalidArgument(Open()->List(3, "x").status()));
  EXPECT_THAT(Open()->List(3, "")->manifests, IsEmpty());
}

TEST_F(ManifestsTest, StrangeFileInTheFolderIsAnError) {
  Open();
  ASSERT_TRUE(base::WriteFileDurably(folder_.Join("manifests/notes.txt"), "x").ok());
  const absl::Status status =
      Manifests::Open(folder_.Join("manifests"), &store_, ReadManifest).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("notes.txt"));
}

}  // namespace
}  // namespace graft::weight_store
