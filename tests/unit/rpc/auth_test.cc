#include "common/rpc/auth.h"

#include <gtest/gtest.h>

#include <string>

#include "common/base/file.h"
#include "common/rpc/address.h"
#include "proto/graft/v1/config.pb.h"

namespace graft::rpc {
namespace {

constexpr char kUserToken[] = "user-token-0123456789";
constexpr char kWorkerToken[] = "worker-token-0123456789";
constexpr char kAdminToken[] = "admin-token-0123456789";
constexpr char kSearch[] = "/graft.v1.SearchService/CreateSearch";
constexpr char kLease[] = "/graft.v1.TrialService/LeaseTrials";
constexpr char kUnlisted[] = "/graft.v1.Other/Do";
constexpr char kHealth[] = "/grpc.health.v1.Health/Check";

Authenticator MakeAuthenticator() {
  Authenticator authenticator({{"/graft.v1.SearchService/", Role::kUser | Role::kAdmin},
                               {"/graft.v1.TrialService/", Role::kWorker},
                               {"/graft.v1.SearchService/Cancel", Role::kAdmin}});
  EXPECT_TRUE(authenticator.AddToken(kUserToken, Role::kUser).ok());
  EXPECT_TRUE(authenticator.AddToken(kWorkerToken, Role::kWorker).ok());
  EXPECT_TRUE(authenticator.AddToken(kAdminToken, Role::kAdmin).ok());
  return authenticator;
}

struct Call {
  std::string authorization;
  std::string path;
  absl::StatusCode code;
};

TEST(AuthenticatorTest, DecidesByTokenAndMethod) {
  const std::string user = std::string("Bearer ") + kUserToken;
  const std::string worker = std::string("Bearer ") + kWorkerToken;
  const std::string admin = std::string("Bearer ") + kAdminToken;
  const absl::StatusCode ok = absl::StatusCode::kOk;
  const absl::StatusCode unauthenticated = absl::StatusCode::kUnauthenticated;
  const absl::StatusCode denied = absl::StatusCode::kPermissionDenied;
  const Call calls[] = {
      {user, kSearch, ok},
      {admin, kSearch, ok},
      {worker, kSearch, denied},
      {worker, kLease, ok},
      {user, kLease, denied},
      {admin, kLease, denied},
      {admin, kUnlisted, ok},
      {user, kUnlisted, denied},
      {"", kSearch, unauthenticated},
      {"", kUnlisted, unauthenticated},
      {"Bearer ", kSearch, unauthenticated},
      {"Bearer wrong-token-0123456789", kSearch, unauthenticated},
      {kUserToken, kSearch, unauthenticated},
      {std::string("Basic ") + kUserToken, kSearch, unauthenticated},
      {user + "x", kSearch, unauthenticated},
      {user.substr(0, user.size() - 1), kSearch, unauthenticated},
      // The longest prefix decides.
      {user, "/graft.v1.SearchService/CancelSearch", denied},
      {admin, "/graft.v1.SearchService/CancelSearch", ok},
      {"", kHealth, ok},
  };
  const Authenticator authenticator = MakeAuthenticator();
  for (const Call& call : calls) {
    EXPECT_EQ(authenticator.Check(call.authorization, call.path).code(), call.code)
        << "'" << call.authorization << "' calls " << call.path;
  }
}

TEST(AuthenticatorTest, WithoutTokensEveryCallIsAllowed) {
  EXPECT_TRUE(Authenticator({}).Check("", kUnlisted).ok());
}

TEST(AuthenticatorTest, ErrorsDoNotRepeatTheToken) {
  const absl::Status status = MakeAuthenticator().Check("Bearer secret-token-xyz-12345", kSearch);
  EXPECT_EQ(status.ToString().find("secret"), std::string::npos);
}

TEST(AuthenticatorTest, ShortOrUnprintableTokensAreRefused) {
  Authenticator authenticator({});
  for (const std::string token : {"short", "with blank in the middle", "with-tab-\t-inside-it"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(authenticator.AddToken(token, Role::kUser))) << token;
  }
}

TEST(TokenFileTest, FirstLineIsTheToken) {
  const base::TempDir folder = *base::TempDir::Create();
  const std::string path = folder.Join("token");
  ASSERT_TRUE(base::WriteFileDurably(path, "  the-token \r\nsomething else\n").ok());
  EXPECT_EQ(*ReadTokenFile(path), "the-token");
  ASSERT_TRUE(base::WriteFileDurably(path, "\n").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(ReadTokenFile(path).status()));
  EXPECT_TRUE(absl::IsNotFound(ReadTokenFile(folder.Join("missing")).status()));
}

TEST(TokenFileTest, UnknownRoleNamesItsField) {
  v1::ServerConfig config;
  config.add_tokens()->set_role("root");
  Authenticator authenticator({});
  const absl::Status status = AddTokens(config, &authenticator);
  EXPECT_EQ(std::string(status.message()),
            "server.tokens[0].role: expected the role user, worker or admin, got \"root\"");
}

TEST(AddressTest, ParsesHostsAndPorts) {
  EXPECT_EQ(ParseAddress("127.0.0.1:80")->ToString(), "127.0.0.1:80");
  EXPECT_EQ(ParseAddress("store:7071")->host, "store");
  EXPECT_EQ(ParseAddress("[::1]:7071")->host, "::1");
  EXPECT_EQ(ParseAddress("[::1]:7071")->ToString(), "[::1]:7071");
}

TEST(AddressTest, RefusesEverythingElse) {
  for (const std::string text : {"", "host", ":80", "host:", "host:x", "host:-1", "host:65536",
                                 "::1:80", "a b:80", "unix:/tmp/x", "host:80 "}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseAddress(text).status())) << text;
  }
}

TEST(AddressTest, KnowsLoopback) {
  for (const std::string text : {"127.0.0.1:1", "127.1.2.3:1", "localhost:1", "[::1]:1"}) {
    EXPECT_TRUE(ParseAddress(text)->IsLoopback()) << text;
  }
  for (const std::string text : {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "store:1"}) {
    EXPECT_FALSE(ParseAddress(text)->IsLoopback()) << text;
  }
}

}  // namespace
}  // namespace graft::rpc
