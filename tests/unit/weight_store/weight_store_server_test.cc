// The weight store over real gRPC on loopback, port 0.
#include "services/weight_store/weight_store_server.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <functional>
#include <string>
#include <utility>

#include "common/base/fd.h"
#include "common/base/file.h"
#include "common/base/rng.h"
#include "common/blob/blob_io.h"
#include "common/rpc/client.h"
#include "common/rpc/remote_blob_store.h"
#include "common/rpc/status_conversion.h"
#include "proto/graft/v1/config.pb.h"

namespace graft::weight_store {
namespace {

using digest::BlobDigest;
using ::testing::HasSubstr;

// Here every blob is a manifest that refers to nothing, but for those that begin with '!'.
absl::StatusOr<std::vector<BlobDigest>> ReadManifest(std::string_view bytes) {
  if (bytes.substr(0, 1) == "!") return absl::InvalidArgumentError("not a manifest");
  return std::vector<BlobDigest>();
}

std::string RandomBytes(size_t size) {
  base::Rng rng(size);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(rng.NextU32());
  return bytes;
}

// Runs an action instead of sleeping.
class ActingSleeper final : public rpc::Sleeper {
 public:
  explicit ActingSleeper(std::function<void()> action) : action_(std::move(action)) {}
  bool Sleep(absl::Duration) override {
    action_();
    return true;
  }

 private:
  const std::function<void()> action_;
};

class WeightStoreServerTest : public testing::Test {
 protected:
  WeightStoreServerTest() {
    config_.set_directory(folder_.Join("store"));
    config_.mutable_server()->set_listen("127.0.0.1:0");
    config_.mutable_server()->mutable_drain_timeout()->set_seconds(0);
  }

  void Start() {
    auto server = WeightStoreServer::Start(config_, ReadManifest);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  // Stops the server and starts another on the same port and folder.
  void Restart() {
    config_.mutable_server()->set_listen(server_->address());
    server_ = nullptr;
    Start();
  }

  std::shared_ptr<grpc::Channel> Channel() {
    v1::ClientConfig client;
    client.set_address(server_->address());
    return *rpc::MakeChannel(client);
  }

  std::unique_ptr<v1::WeightStore::Stub> Stub() { return v1::WeightStore::NewStub(Channel()); }

  v1::Statistics Statistics() {
    grpc::ClientContext context;
    v1::Statistics statistics;
    EXPECT_TRUE(Stub()->GetStatistics(&context, {}, &statistics).ok());
    return statistics;
  }

  const base::TempDir folder_ = *base::TempDir::Create();
  v1::WeightStoreConfig config_;
  std::unique_ptr<WeightStoreServer> server_;
};

TEST_F(WeightStoreServerTest, BlobsOutliveTheServer) {
  Start();
  const std::string bytes = RandomBytes((5 << 20) + 3);
  rpc::RemoteBlobStore before(Channel(), {});
  const BlobDigest digest = *blob::PutBytes(&before, bytes);
  Restart();
  rpc::RemoteBlobStore store(Channel(), {});
  EXPECT_TRUE(*blob::ReadBlob(&store, digest, bytes.size()) == bytes);
  EXPECT_EQ(Statistics().blob_count(), 1);
  EXPECT_EQ(Statistics().blob_bytes(), static_cast<int64_t>(bytes.size()));
}

TEST_F(WeightStoreServerTest, CorruptBlobIsDataLossAndQuarantined) {
  Start();
  rpc::RemoteBlobStore store(Channel(), {});
  const BlobDigest digest = *blob::PutBytes(&store, RandomBytes(100'000));
  const std::string hex = digest.sha256().ToHex();
  const std::string path = config_.directory() + "/blobs/" + hex.substr(0, 2) + "/" +
                           hex.substr(2) + "-" + std::to_string(digest.size_bytes());
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  const base::UniqueFd file = *base::OpenFile(path, O_WRONLY);
  ASSERT_EQ(pwrite(file.get(), "damage", 6, 5000), 6);

  EXPECT_TRUE(absl::IsDataLoss(blob::ReadBlob(&store, digest, 100'000).status()));
  EXPECT_FALSE(*store.Contains(digest));
  EXPECT_EQ(Statistics().quarantined_count(), 1);
  EXPECT_FALSE(std::filesystem::is_empty(config_.directory() + "/quarantine"));
  EXPECT_TRUE(blob::PutBytes(&store, RandomBytes(100'000)).ok());
  EXPECT_TRUE(blob::ReadBlob(&store, digest, 100'000).ok());
}

TEST_F(WeightStoreServerTest, ChunksAreAtMostOneMebibyte) {
  Start();
  rpc::RemoteBlobStore store(Channel(), {});
  const BlobDigest digest = *blob::PutBytes(&store, RandomBytes(3 << 20));
  grpc::ClientContext context;
  v1::ReadBlobRequest request;
  request.set_digest(digest.ToString());
  const auto stub = Stub();
  const auto stream = stub->ReadBlob(&context, request);
  v1::ReadBlobResponse chunk;
  size_t received = 0;
  while (stream->Read(&chunk)) {
    EXPECT_LE(chunk.data().size(), size_t{1} << 20);
    received += chunk.data().size();
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(received, size_t{3} << 20);
}

TEST_F(WeightStoreServerTest, LargerChunkIsRefused) {
  Start();
  grpc::ClientContext context;
  const auto stub = Stub();
  const auto stream = stub->WriteBlob(&context);
  v1::WriteBlobRequest request;
  request.set_data(std::string((1 << 20) + 1, 'x'));
  stream->Write(request);
  stream->WritesDone();
  v1::WriteBlobResponse response;
  while (stream->Read(&response)) {
  }
  const absl::Status status = rpc::FromGrpc(stream->Finish());
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("data: expected at most 1048576 bytes"));
}

TEST_F(WeightStoreServerTest, OneMessageMayHoldAWholeBlob) {
  Start();
  grpc::ClientContext context;
  const auto stub = Stub();
  const auto stream = stub->WriteBlob(&context);
  v1::WriteBlobRequest request;
  request.set_digest(BlobDigest::Of("whole").ToString());
  request.set_data("whole");
  request.set_finish_write(true);
  ASSERT_TRUE(stream->Write(request));
  v1::WriteBlobResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.digest(), BlobDigest::Of("whole").ToString());
  EXPECT_EQ(response.committed_size(), 5);
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(WeightStoreServerTest, StoredBlobIsAnsweredBeforeItsBytesAreSent) {
  Start();
  rpc::RemoteBlobStore store(Channel(), {});
  ASSERT_TRUE(blob::PutBytes(&store, "here").ok());
  grpc::ClientContext context;
  const auto stub = Stub();
  const auto stream = stub->WriteBlob(&context);
  v1::WriteBlobRequest request;
  request.set_digest(BlobDigest::Of("here").ToString());
  ASSERT_TRUE(stream->Write(request));
  v1::WriteBlobResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.digest(), request.digest());
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(WeightStoreServerTest, UploadGoesOnAfterTheServerWasStartedAgain) {
  Start();
  int restarts = 0;
  ActingSleeper sleeper([&] {
    if (server_ == nullptr && ++restarts == 1) Start();
  });
  // Larger than what the client keeps, so that it can only go on, not begin anew.
  const std::string bytes = RandomBytes(24 << 20);
  rpc::RemoteBlobStore store(Channel(), {.retry = {.max_attempts = 100}, .sleeper = &sleeper});
  const auto writer =
      store.OpenWriter({.expected = BlobDigest::Of(bytes), .upload_id = "interrupted"});
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE((*writer)->Append(bytes.substr(0, 16 << 20)).ok());
  config_.mutable_server()->set_listen(server_->address());
  server_ = nullptr;
  ASSERT_TRUE((*writer)->Append(bytes.substr(16 << 20)).ok());
  const absl::StatusOr<BlobDigest> digest = (*writer)->Commit();
  ASSERT_TRUE(digest.ok()) << digest.status();
  EXPECT_EQ(restarts, 1);
  EXPECT_TRUE(*blob::ReadBlob(&store, *digest, bytes.size()) == bytes);
}

TEST_F(WeightStoreServerTest, SmallUploadWithoutAnIdIsSentAgainWhole) {
  Start();
  ActingSleeper sleeper([this] {
    if (server_ == nullptr) Start();
  });
  const std::string bytes = RandomBytes(4 << 20);
  rpc::RemoteBlobStore store(Channel(), {.retry = {.max_attempts = 100}, .sleeper = &sleeper});
  const auto writer = store.OpenWriter({});
  ASSERT_TRUE((*writer)->Append(bytes.substr(0, 3 << 20)).ok());
  config_.mutable_server()->set_listen(server_->address());
  server_ = nullptr;
  ASSERT_TRUE((*writer)->Append(bytes.substr(3 << 20)).ok());
  const absl::StatusOr<BlobDigest> digest = (*writer)->Commit();
  ASSERT_TRUE(digest.ok()) << digest.status();
  EXPECT_EQ(*digest, BlobDigest::Of(bytes));
}

TEST_F(WeightStoreServerTest, ReadGoesOnAfterTheServerWasStartedAgain) {
  Start();
  ActingSleeper sleeper([this] {
    if (server_ == nullptr) Start();
  });
  const std::string bytes = RandomBytes(64 << 20);
  rpc::RemoteBlobStore store(Channel(), {.retry = {.max_attempts = 100}, .sleeper = &sleeper});
  const BlobDigest digest = *blob::PutBytes(&store, bytes);
  const auto reader = store.OpenReader(digest, 0);
  ASSERT_TRUE(reader.ok()) << reader.status();
  config_.mutable_server()->set_listen(server_->address());
  server_ = nullptr;
  std::string read;
  std::string buffer(1 << 20, '\0');
  while (true) {
    const absl::StatusOr<size_t> count = (*reader)->Read(std::span<char>(buffer));
    ASSERT_TRUE(count.ok()) << count.status();
    if (*count == 0) break;
    read.append(buffer, 0, *count);
  }
  EXPECT_TRUE(read == bytes);
}

TEST_F(WeightStoreServerTest, QueryWriteStatusTellsWhatHasArrived) {
  Start();
  rpc::RemoteBlobStore store(Channel(), {});
  { ASSERT_TRUE((*store.OpenWriter({.upload_id = "id"}))->Append("12345").ok()); }
  const auto stub = Stub();
  v1::QueryWriteStatusRequest request;
  v1::QueryWriteStatusResponse response;
  {
    grpc::ClientContext context;
    request.set_upload_id("id");
    ASSERT_TRUE(stub->QueryWriteStatus(&context, request, &response).ok());
    EXPECT_EQ(response.committed_size(), 5);
  }
  grpc::ClientContext context;
  request.set_upload_id("other");
  EXPECT_EQ(stub->QueryWriteStatus(&context, request, &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(WeightStoreServerTest, QuotaIsResourceExhausted) {
  config_.set_quota_bytes(1000);
  Start();
  rpc::RemoteBlobStore store(Channel(), {});
  EXPECT_TRUE(blob::PutBytes(&store, RandomBytes(900)).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(blob::PutBytes(&store, RandomBytes(200)).status()));
}

TEST_F(WeightStoreServerTest, ManifestsAreCommittedAndListed) {
  Start();
  rpc::RemoteBlobStore store(Channel(), {});
  const digest::WeightsDigest manifest(*blob::PutBytes(&store, "a manifest"));
  const digest::WeightsDigest other(*blob::PutBytes(&store, "!not one"));
  EXPECT_TRUE(store.CommitManifest(manifest).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(store.CommitManifest(other)));
  EXPECT_TRUE(
      absl::IsNotFound(store.CommitManifest(digest::WeightsDigest(BlobDigest::Of("absent")))));
  grpc::ClientContext context;
  v1::ListManifestsResponse response;
  ASSERT_TRUE(Stub()->ListManifests(&context, {}, &response).ok());
  ASSERT_EQ(response.digests_size(), 1);
  EXPECT_EQ(response.digests(0), manifest.ToString());
  EXPECT_EQ(Statistics().manifest_count(), 1);
}

TEST_F(WeightStoreServerTest, BadDigestNamesTheField) {
  Start();
  grpc::ClientContext context;
  v1::FindMissingBlobsRequest request;
  request.add_digests(BlobDigest::Of("x").ToString());
  request.add_digests("../../etc/passwd");
  v1::FindMissingBlobsResponse response;
  const absl::Status status = rpc::FromGrpc(Stub()->FindMissingBlobs(&context, request, &response));
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("digests[1]: "));
}

TEST_F(WeightStoreServerTest, FolderInUseIsRefused) {
  Start();
  v1::WeightStoreConfig second = config_;
  EXPECT_EQ(WeightStoreServer::Start(second, ReadManifest).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(WeightStoreServerTest, MetricsShowWhatIsStored) {
  Start();
  rpc::RemoteBlobStore store(Channel(), {});
  ASSERT_TRUE(blob::PutBytes(&store, "12345").ok());
  const std::string text = server_->metrics().Render();
  EXPECT_THAT(text, HasSubstr("graft_store_bytes 5\n"));
  EXPECT_THAT(text, HasSubstr("graft_store_blobs 1\n"));
  EXPECT_THAT(text, HasSubstr("graft_store_written_bytes_total 5\n"));
}

}  // namespace
}  // namespace graft::weight_store
