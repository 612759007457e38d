#include "common/rpc/status_conversion.h"

#include <grpcpp/support/status.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/base/field_error.h"
#include "common/base/strings.h"
#include "proto/google/rpc/error_details.pb.h"

namespace graft::rpc {
namespace {

constexpr size_t kMaxMessageBytes = 1536;
constexpr size_t kMaxReasonBytes = 64;
// Of all violations together.
constexpr size_t kMaxViolationBytes = 1536;

// `text` as UTF-8 (a protobuf string must be) of at most `limit` bytes.
std::string Cut(std::string_view text, size_t limit) {
  constexpr std::string_view kEllipsis = "...";
  std::string cut(text);
  if (cut.size() > limit) {
    size_t end = limit - kEllipsis.size();
    while (end > 0 && (static_cast<unsigned char>(cut[end]) & 0xC0) == 0x80) --end;
    cut.resize(end);
    cut.append(kEllipsis);
  }
  if (base::IsValidUtf8(cut)) return cut;
  for (char& c : cut) {
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  return cut;
}

void AddErrorInfo(const absl::Status& status, google::rpc::Status* details) {
  google::rpc::ErrorInfo info;
  const std::string reason = base::ErrorReason(status);
  info.set_reason(reason.empty() ? absl::StatusCodeToString(status.code())
                                 : Cut(reason, kMaxReasonBytes));
  info.set_domain(std::string(kErrorDomain));
  details->add_details()->PackFrom(info);
}

void AddBadRequest(const absl::Status& status, google::rpc::Status* details) {
  google::rpc::BadRequest bad_request;
  size_t size_bytes = 0;
  for (const base::FieldViolation& violation : base::FieldViolations(status)) {
    auto* added = bad_request.add_field_violations();
    added->set_field(Cut(violation.field, kMaxViolationBytes / 4));
    added->set_description(Cut(violation.description, kMaxViolationBytes / 4));
    size_bytes += added->field().size() + added->description().size();
    if (size_bytes > kMaxViolationBytes) {
      bad_request.mutable_field_violations()->RemoveLast();
      break;
    }
  }
  if (bad_request.field_violations_size() > 0) details->add_details()->PackFrom(bad_request);
}

void ReadErrorInfo(const google::rpc::ErrorInfo& info, absl::Status* status) {
  if (info.domain() == kErrorDomain && info.reason() != absl::StatusCodeToString(status->code())) {
    *status = base::WithReason(*status, info.reason());
  }
}

void ReadBadRequest(const google::rpc::BadRequest& bad_request, absl::Status* status) {
  std::vector<base::FieldViolation> violations;
  for (const auto& violation : bad_request.field_violations()) {
    violations.push_back({violation.field(), violation.description()});
  }
  base::SetFieldViolations(violations, status);
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  google::rpc::Status details;
  details.set_code(status.raw_code());
  details.set_message(Cut(base::ToStd(status.message()), kMaxMessageBytes));
  AddErrorInfo(status, &details);
  AddBadRequest(status, &details);
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), details.message(),
                      details.SerializeAsString());
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status converted(static_cast<absl::StatusCode>(status.error_code()),
                         status.error_message());
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return converted;
  for (const auto& detail : details.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest bad_request;
    if (detail.UnpackTo(&info)) {
      ReadErrorInfo(info, &converted);
    } else if (detail.UnpackTo(&bad_request)) {
      ReadBadRequest(bad_request, &converted);
    }
  }
  return converted;
}

}  // namespace graft::rpc
