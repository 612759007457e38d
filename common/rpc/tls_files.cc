#include "common/rpc/tls_files.h"

#include <grpcpp/security/tls_certificate_provider.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/field_error.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "proto/graft/v1/config.pb.h"

namespace graft::rpc {
namespace {

constexpr unsigned kRefreshSeconds = 60;
constexpr uint64_t kMaxPemBytes = 1 << 20;

// gRPC only logs what is wrong with a file, and then refuses every connection.
absl::Status CheckPem(const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path, kMaxPemBytes));
  if (!absl::StrContains(text, "-----BEGIN ")) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": expected a PEM file"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::experimental::CertificateProviderInterface>> WatchTlsFiles(
    const v1::TlsConfig& tls) {
  if (tls.certificate().empty() != tls.private_key().empty()) {
    return base::InvalidFieldError("tls", "`certificate` and `private_key` go together");
  }
  if (tls.certificate().empty() && tls.root_certificates().empty()) {
    return base::InvalidFieldError("tls", "expected certificates, all fields are empty");
  }
  RETURN_IF_ERROR(CheckPem(tls.certificate()));
  RETURN_IF_ERROR(CheckPem(tls.private_key()));
  RETURN_IF_ERROR(CheckPem(tls.root_certificates()));
  return std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      tls.private_key(), tls.certificate(), tls.root_certificates(), kRefreshSeconds);
}

}  // namespace graft::rpc
