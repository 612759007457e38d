#include "common/rpc/auth.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/field_error.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "proto/graft/v1/config.pb.h"

namespace graft::rpc {
namespace {

constexpr std::string_view kHealthPrefix = "/grpc.health.v1.Health/";
constexpr std::string_view kScheme = "Bearer ";
constexpr size_t kMinTokenBytes = 16;
constexpr size_t kMaxTokenBytes = 4096;

// Comparing digests in constant time tells nothing about the tokens, not even their lengths.
bool ConstantTimeEqual(const digest::Sha256Digest& a, const digest::Sha256Digest& b) {
  unsigned difference = 0;
  for (size_t i = 0; i < digest::Sha256Digest::kSizeBytes; ++i) {
    difference |= static_cast<unsigned>(a.bytes()[i] ^ b.bytes()[i]);
  }
  return difference == 0;
}

}  // namespace

absl::StatusOr<Role> ParseRole(std::string_view name) {
  for (const Role role : {Role::kUser, Role::kWorker, Role::kAdmin}) {
    if (RoleName(role) == name) return role;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("expected the role user, worker or admin, got \"", base::ToAbsl(name), "\""));
}

std::string_view RoleName(Role role) {
  switch (role) {
    case Role::kUser:
      return "user";
    case Role::kWorker:
      return "worker";
    case Role::kAdmin:
      return "admin";
  }
  return "";
}

absl::Status Authenticator::AddToken(std::string_view token, Role role) {
  const bool printable =
      std::all_of(token.begin(), token.end(), [](char c) { return absl::ascii_isgraph(c); });
  if (!printable || token.size() < kMinTokenBytes || token.size() > kMaxTokenBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a token has ", kMinTokenBytes, " to ", kMaxTokenBytes,
                     " printable ASCII characters and no blanks; make one with "
                     "`openssl rand -hex 32`"));
  }
  tokens_.emplace_back(digest::Sha256(token), role);
  return absl::OkStatus();
}

absl::Status Authenticator::Check(std::string_view authorization, std::string_view path) const {
  if (!enabled() || absl::StartsWith(base::ToAbsl(path), base::ToAbsl(kHealthPrefix))) {
    return absl::OkStatus();
  }
  const bool bearer = authorization.substr(0, kScheme.size()) == kScheme;
  const digest::Sha256Digest given =
      digest::Sha256(bearer ? authorization.substr(kScheme.size()) : std::string_view());
  const Roles allowed = RolesFor(path);
  bool known = false;
  bool permitted = false;
  for (const auto& [token, role] : tokens_) {
    const bool equal = ConstantTimeEqual(token, given);
    known |= equal;
    permitted |= equal && allowed.Has(role);
  }
  if (!known) {
    return absl::UnauthenticatedError(bearer ? "the token is not known to this server"
                                             : "a bearer token is required");
  }
  if (permitted) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("the token's role may not call ", base::ToAbsl(path)));
}

Roles Authenticator::RolesFor(std::string_view path) const {
  const MethodRule* longest = nullptr;
  for (const MethodRule& rule : rules_) {
    if (path.substr(0, rule.prefix.size()) != rule.prefix) continue;
    if (longest == nullptr || rule.prefix.size() > longest->prefix.size()) longest = &rule;
  }
  return longest == nullptr ? Roles(Role::kAdmin) : longest->roles;
}

absl::StatusOr<std::string> ReadTokenFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path, kMaxTokenBytes + 2));
  const absl::string_view line = absl::string_view(text).substr(0, text.find('\n'));
  const std::string token(absl::StripAsciiWhitespace(line));
  if (token.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": expected a token in the first line"));
  }
  return token;
}

absl::Status AddTokens(const v1::ServerConfig& config, Authenticator* authenticator) {
  for (int i = 0; i < config.tokens_size(); ++i) {
    const v1::TokenFile& file = config.tokens(i);
    const absl::StatusOr<Role> role = ParseRole(file.role());
    if (!role.ok()) {
      return base::InvalidFieldError(absl::StrCat("server.tokens[", i, "].role"),
                                     base::ToStd(role.status().message()));
    }
    ASSIGN_OR_RETURN(const std::string token, ReadTokenFile(file.path()));
    const absl::Status added = authenticator->AddToken(token, *role);
    if (!added.ok()) return base::Annotate(added, file.path());
  }
  return absl::OkStatus();
}

}  // namespace graft::rpc
