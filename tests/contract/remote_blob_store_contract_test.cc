// The blob-store contract over gRPC, against a real weight store.
#include <grpcpp/grpcpp.h>

#include <utility>

#include "common/base/check.h"
#include "common/base/file.h"
#include "common/rpc/client.h"
#include "common/rpc/remote_blob_store.h"
#include "proto/graft/v1/config.pb.h"
#include "services/weight_store/weight_store_server.h"
#include "tests/contract/blob_store_contract.h"

namespace graft::blob {
namespace {

class RemoteFixture final : public BlobStoreFixture {
 public:
  RemoteFixture() {
    v1::WeightStoreConfig config;
    config.set_directory(directory_.path());
    config.mutable_server()->set_listen("127.0.0.1:0");
    auto server = weight_store::WeightStoreServer::Start(
        config, [](std::string_view) { return std::vector<digest::BlobDigest>(); });
    GRAFT_CHECK_OK(server.status());
    server_ = *std::move(server);
    v1::ClientConfig client;
    client.set_address(server_->address());
    auto channel = rpc::MakeChannel(client);
    GRAFT_CHECK_OK(channel.status());
    store_ = std::make_unique<rpc::RemoteBlobStore>(*std::move(channel),
                                                    rpc::RemoteBlobStore::Options());
  }

  BlobStore* store() override { return store_.get(); }

 private:
  base::TempDir directory_ = *base::TempDir::Create();
  std::unique_ptr<weight_store::WeightStoreServer> server_;
  std::unique_ptr<rpc::RemoteBlobStore> store_;
};

INSTANTIATE_TEST_SUITE_P(Remote, BlobStoreContract, testing::Values(MakeFixture<RemoteFixture>));

}  // namespace
}  // namespace graft::blob
