// Real servers on loopback, port 0.
#include "common/rpc/server.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <thread>

#include "common/base/file.h"
#include "common/rpc/client.h"
#include "common/rpc/status_conversion.h"
#include "proto/graft/v1/config.pb.h"
#include "tests/unit/rpc/fake_service.h"
#include "tests/unit/rpc/test_certificate.h"

namespace graft::rpc {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr absl::Duration kTimeout = absl::Seconds(60);
constexpr char kHealthCheck[] = "/grpc.health.v1.Health/Check";
// HealthCheckResponse{status}, serialised.
constexpr std::string_view kServing = "\x08\x01";
constexpr std::string_view kNotServing = "\x08\x02";

std::string WriteFile(const base::TempDir& folder, const std::string& name,
                      const std::string& text) {
  const std::string path = folder.Join(name);
  EXPECT_TRUE(base::WriteFileDurably(path, text).ok());
  return path;
}

absl::Status CallStatistics(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::ClientContext context;
  SetTimeout(kTimeout, &context);
  v1::Statistics response;
  return FromGrpc(v1::WeightStore::NewStub(channel)->GetStatistics(&context, {}, &response));
}

// The health service has no generated stub in Debian's packages.
absl::StatusOr<std::string> CheckHealth(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  SetTimeout(kTimeout, &context);
  grpc::CompletionQueue queue;
  const grpc::Slice nothing("");
  const grpc::ByteBuffer request(&nothing, 1);
  const auto call = stub.PrepareUnaryCall(&context, kHealthCheck, request, &queue);
  call->StartCall();
  grpc::ByteBuffer response;
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  if (!status.ok()) return FromGrpc(status);
  grpc::Slice slice;
  EXPECT_TRUE(response.DumpToSingleSlice(&slice).ok());
  return std::string(reinterpret_cast<const char*>(slice.begin()), slice.size());
}

class ServerTest : public testing::Test {
 protected:
  absl::Status Start() {
    options_.services = {&service_};
    options_.rules.push_back({"/graft.v1.WeightStore/", Role::kUser | Role::kAdmin});
    absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(config_, options_);
    if (server.ok()) server_ = *std::move(server);
    return server.status();
  }

  // A channel to the server with the token of a file (none if empty).
  std::shared_ptr<grpc::Channel> Channel(const std::string& token_path = "",
                                         const v1::TlsConfig* tls = nullptr) {
    v1::ClientConfig client;
    client.set_address(server_->address());
    client.set_token_path(token_path);
    if (tls != nullptr) *client.mutable_tls() = *tls;
    absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = MakeChannel(client);
    EXPECT_TRUE(channel.ok()) << channel.status();
    return *channel;
  }

  void Accept(const std::string& role) {
    v1::TokenFile* token = config_.add_tokens();
    token->set_path(Token(role));
    token->set_role(role);
  }

  std::string Token(const std::string& name) {
    return WriteFile(folder_, name + ".token", name + "-token-0123456789\n");
  }

  const base::TempDir folder_ = *base::TempDir::Create();
  FakeService service_;
  v1::ServerConfig config_;
  ServerOptions options_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, ServesOnAPickedPortAndWritesItIntoTheFile) {
  metrics::Registry registry;
  registry.AddCounter("graft_test_total", "A test.").Increment();
  options_.metrics = &registry;
  config_.set_metrics_listen("127.0.0.1:0");
  config_.set_port_file(folder_.Join("ports"));
  ASSERT_TRUE(Start().ok());
  EXPECT_TRUE(CallStatistics(Channel()).ok());
  EXPECT_THAT(server_->address(), StartsWith("127.0.0.1:"));
  EXPECT_EQ(*base::ReadFile(folder_.Join("ports")),
            "grpc=" + server_->address() + "\nmetrics=" + server_->metrics_address() + "\n");
}

TEST_F(ServerTest, AnswersHealthChecks) {
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(*CheckHealth(Channel()), kServing);
}

TEST_F(ServerTest, TokensDecideInPlainText) {
  Accept("user");
  Accept("worker");
  Accept("admin");
  ASSERT_TRUE(Start().ok());
  EXPECT_TRUE(CallStatistics(Channel(Token("user"))).ok());
  EXPECT_TRUE(CallStatistics(Channel(Token("admin"))).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(CallStatistics(Channel(Token("worker")))));
  EXPECT_TRUE(absl::IsUnauthenticated(CallStatistics(Channel(Token("nobody")))));
  EXPECT_TRUE(absl::IsUnauthenticated(CallStatistics(Channel())));
  EXPECT_EQ(*CheckHealth(Channel()), kServing);
}

TEST_F(ServerTest, TokensDecideOverTls) {
  const TestCertificate certificate;
  config_.mutable_tls()->set_certificate(WriteFile(folder_, "cert", certificate.certificate));
  config_.mutable_tls()->set_private_key(WriteFile(folder_, "key", certificate.private_key));
  Accept("user");
  ASSERT_TRUE(Start().ok());
  v1::TlsConfig client;
  client.set_root_certificates(config_.tls().certificate());
  EXPECT_TRUE(CallStatistics(Channel(Token("user"), &client)).ok());
  EXPECT_TRUE(absl::IsUnauthenticated(CallStatistics(Channel("", &client))));
  EXPECT_TRUE(absl::IsUnavailable(CallStatistics(Channel(Token("user")))));
}

TEST_F(ServerTest, ClientMustPresentACertificateWhenRootsAreConfigured) {
  const TestCertificate certificate;
  v1::TlsConfig* tls = config_.mutable_tls();
  tls->set_certificate(WriteFile(folder_, "cert", certificate.certificate));
  tls->set_private_key(WriteFile(folder_, "key", certificate.private_key));
  tls->set_root_certificates(tls->certificate());
  ASSERT_TRUE(Start().ok());
  EXPECT_TRUE(CallStatistics(Channel("", tls)).ok());

  v1::TlsConfig without;
  without.set_root_certificates(tls->certificate());
  EXPECT_TRUE(absl::IsUnavailable(CallStatistics(Channel("", &without))));

  const TestCertificate stranger;
  v1::TlsConfig other = *tls;
  other.set_certificate(WriteFile(folder_, "other_cert", stranger.certificate));
  other.set_private_key(WriteFile(folder_, "other_key", stranger.private_key));
  EXPECT_TRUE(absl::IsUnavailable(CallStatistics(Channel("", &other))));
}

TEST_F(ServerTest, RefusesToListenBeyondLoopbackWithoutTokens) {
  config_.set_listen("0.0.0.0:0");
  const absl::Status status = Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("server.tokens"));
  Accept("user");
  EXPECT_TRUE(Start().ok());
}

TEST_F(ServerTest, AddressInUseIsUnavailableAndSaysWhy) {
  ASSERT_TRUE(Start().ok());
  v1::ServerConfig second;
  second.set_listen(server_->address());
  FakeService service;
  ServerOptions options;
  options.services = {&service};
  const absl::Status status = Server::Start(second, options).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("Address already in use"));
}

TEST_F(ServerTest, BadConfigurationNamesItsField) {
  config_.set_listen("nowhere");
  EXPECT_THAT(std::string(Start().message()), StartsWith("server.listen: "));
  config_.set_listen("127.0.0.1:0");
  config_.mutable_drain_timeout()->set_seconds(-1);
  EXPECT_THAT(std::string(Start().message()), StartsWith("server.drain_timeout: "));
}

TEST_F(ServerTest, MissingTokenFileIsNamed) {
  v1::TokenFile* token = config_.add_tokens();
  token->set_path("/nonexistent/token");
  token->set_role("user");
  EXPECT_THAT(std::string(Start().message()), HasSubstr("/nonexistent/token"));
}

TEST_F(ServerTest, MessageBeyondTheLimitIsRefused) {
  ASSERT_TRUE(Start().ok());
  // Not over MakeChannel, whose own limit would refuse it before it is sent.
  const auto channel = grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials());
  v1::CommitManifestRequest request;
  request.set_digest(std::string(kMaxMessageBytes + 1, 'x'));
  grpc::ClientContext context;
  SetTimeout(kTimeout, &context);
  v1::CommitManifestResponse response;
  EXPECT_EQ(
      v1::WeightStore::NewStub(channel)->CommitManifest(&context, request, &response).error_code(),
      grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(ServerTest, DrainLetsRunningCallsEndAndRefusesNewOnes) {
  std::string health;
  options_.on_drain = [this, &health] {
    health = *CheckHealth(Channel());
    service_.Release();
  };
  ASSERT_TRUE(Start().ok());
  const std::shared_ptr<grpc::Channel> channel = Channel();
  absl::Status result = absl::UnknownError("still running");
  std::thread caller([&channel, &result] {
    grpc::ClientContext context;
    v1::CommitManifestResponse response;
    result = FromGrpc(v1::WeightStore::NewStub(channel)->CommitManifest(&context, {}, &response));
  });
  service_.AwaitCall();
  server_->Drain();
  caller.join();
  EXPECT_TRUE(result.ok()) << result;
  EXPECT_EQ(health, kNotServing);
  EXPECT_TRUE(absl::IsUnavailable(CallStatistics(channel)));
}

TEST_F(ServerTest, DrainCancelsCallsThatOutlastItsTime) {
  config_.mutable_drain_timeout()->set_seconds(0);
  ASSERT_TRUE(Start().ok());
  const std::shared_ptr<grpc::Channel> channel = Channel();
  absl::Status result;
  std::thread caller([&channel, &result] {
    grpc::ClientContext context;
    v1::CommitManifestResponse response;
    result = FromGrpc(v1::WeightStore::NewStub(channel)->CommitManifest(&context, {}, &response));
  });
  service_.AwaitCall();
  server_->Drain();
  caller.join();
  EXPECT_FALSE(result.ok());
}

}  // namespace
}  // namespace graft::rpc
