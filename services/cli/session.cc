#include "services/cli/session.h"

#include "absl/strings/str_cat.h"
#include "common/base/file.h"

namespace graft::cli {
namespace {

std::string DefaultServer() {
  const absl::StatusOr<std::string> endpoint =
      base::ReadFile(absl::StrCat(kDefaultLocalDir, "/", kEndpointFile));
  return endpoint.value_or(kDefaultServer);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ClusterClient>> Session::Connect() const {
  return ClusterClient::Create({.server = server.empty() ? DefaultServer() : server,
                                .token_file = token_file,
                                .tls_root = tls_root,
                                .weight_store = weight_store});
}

}  // namespace graft::cli
