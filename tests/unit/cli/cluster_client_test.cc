#include "services/cli/cluster_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "common/base/file.h"
#include "common/blob/blob_io.h"
#include "proto/graft/v1/config.pb.h"
#include "services/weight_store/weight_store_server.h"
#include "tests/unit/worker/fake_controller.h"

namespace graft::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Port 1 of loopback: nobody listens there.
constexpr char kNobody[] = "127.0.0.1:1";

class OpenWeightStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    v1::WeightStoreConfig config;
    config.set_directory(folder_.Join("store"));
    config.mutable_server()->set_listen("127.0.0.1:0");
    store_ = weight_store::WeightStoreServer::Start(config, nullptr).value();
  }

  // Where the controller says that the store is, and where the user says so.
  absl::StatusOr<std::unique_ptr<blob::BlobStore>> Open(const std::string& told,
                                                        const std::string& given) {
    const worker::FakeController controller(told);
    const auto client =
        ClusterClient::Create({.server = controller.address(), .weight_store = given});
    return client.value()->OpenWeightStore();
  }

  const base::TempDir folder_ = base::TempDir::Create().value();
  std::unique_ptr<weight_store::WeightStoreServer> store_;
};

TEST_F(OpenWeightStoreTest, AddressIsTheControllersUnlessOneIsGiven) {
  EXPECT_TRUE(blob::PutBytes(Open(store_->address(), "").value().get(), "told").ok());
  EXPECT_TRUE(blob::PutBytes(Open(kNobody, store_->address()).value().get(), "given").ok());
}

TEST_F(OpenWeightStoreTest, StoreThatCannotBeReachedIsNamedWithWhatToDo) {
  const absl::Status status = Open(kNobody, "").status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(status.ToString(), AllOf(HasSubstr(kNobody), HasSubstr("--weight-store")));
}

}  // namespace
}  // namespace graft::cli
