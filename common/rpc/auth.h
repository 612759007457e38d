// Who may call what: bearer tokens with roles.
#ifndef GRAFT_COMMON_RPC_AUTH_H_
#define GRAFT_COMMON_RPC_AUTH_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/digest/sha256.h"

namespace graft::v1 {
class ServerConfig;
}

namespace graft::rpc {

enum class Role : uint8_t { kUser = 1, kWorker = 2, kAdmin = 4 };

// "user", "worker" or "admin". INVALID_ARGUMENT for anything else.
absl::StatusOr<Role> ParseRole(std::string_view name);
std::string_view RoleName(Role role);

// A set of roles.
class Roles {
 public:
  constexpr Roles() = default;
  constexpr Roles(Role role) : bits_(static_cast<uint8_t>(role)) {}  // NOLINT: a set of one
  constexpr Roles operator|(Roles other) const { return Roles(bits_ | other.bits_); }
  constexpr bool Has(Role role) const { return (bits_ & static_cast<uint8_t>(role)) != 0; }
  static constexpr Roles All() { return Roles(7); }

 private:
  constexpr explicit Roles(int bits) : bits_(static_cast<uint8_t>(bits)) {}
  uint8_t bits_ = 0;
};

constexpr Roles operator|(Role a, Role b) { return Roles(a) | Roles(b); }

// Which roles may call the methods whose path begins with `prefix`: "/graft.v1.WeightStore/" or
// "/graft.v1.SearchService/CancelSearch".
struct MethodRule {
  std::string prefix;
  Roles roles;
};

// Decides calls by their token. Holds digests of the tokens, never the tokens. Immutable, thus
// thread-safe.
class Authenticator {
 public:
  // `rules`: the longest prefix that fits decides; where none does, only kAdmin may call.
  explicit Authenticator(std::vector<MethodRule> rules) : rules_(std::move(rules)) {}

  // Accepts the token for a role. The same token may have several roles. INVALID_ARGUMENT for
  // tokens that are shorter than 16 characters or have others than printable ASCII.
  absl::Status AddToken(std::string_view token, Role role);

  // Whether any token was added. Without tokens every call is allowed.
  bool enabled() const { return !tokens_.empty(); }

  // OK if the caller with this `authorization` metadata ("Bearer TOKEN", empty if there is none)
  // may call `path`. UNAUTHENTICATED without a valid token, PERMISSION_DENIED for the wrong role.
  // Health checks are open to all. Takes the same time for every wrong token.
  absl::Status Check(std::string_view authorization, std::string_view path) const;

 private:
  Roles RolesFor(std::string_view path) const;

  std::vector<MethodRule> rules_;
  std::vector<std::pair<digest::Sha256Digest, Role>> tokens_;
};

// The first line of a token file, without blanks at its ends. INVALID_ARGUMENT if that is empty.
absl::StatusOr<std::string> ReadTokenFile(const std::string& path);

// Adds the tokens of a server's configuration. Errors name field or file, never a file's content.
absl::Status AddTokens(const v1::ServerConfig& config, Authenticator* authenticator);

}  // namespace graft::rpc

#endif  // GRAFT_COMMON_RPC_AUTH_H_
