#include "common/base/field_error.h"

#include <optional>

#include "absl/strings/cord.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/strings.h"

namespace graft::base {
namespace {

// The payload is one line a violation: field, tab, description, both C-escaped.
constexpr char kViolationsUrl[] = "graft/field-violations";
constexpr char kReasonUrl[] = "graft/reason";

std::string Message(std::span<const FieldViolation> violations) {
  return absl::StrJoin(violations, "; ", [](std::string* out, const FieldViolation& violation) {
    absl::StrAppend(out, violation.field, ": ", violation.description);
  });
}

std::string Encode(std::span<const FieldViolation> violations) {
  return absl::StrJoin(violations, "\n", [](std::string* out, const FieldViolation& violation) {
    absl::StrAppend(out, absl::CEscape(violation.field), "\t",
                    absl::CEscape(violation.description));
  });
}

std::string PrefixedField(std::string_view prefix, std::string_view field) {
  const bool attached = prefix.empty() || field.empty() || field.front() == '[';
  return absl::StrCat(ToAbsl(prefix), attached ? "" : ".", ToAbsl(field));
}

}  // namespace

absl::Status InvalidFieldError(std::string_view field, std::string_view description) {
  const FieldViolation violation{std::string(field), std::string(description)};
  return InvalidFieldsError({&violation, 1});
}

absl::Status InvalidFieldsError(std::span<const FieldViolation> violations) {
  absl::Status status = absl::InvalidArgumentError(Message(violations));
  SetFieldViolations(violations, &status);
  return status;
}

std::vector<FieldViolation> FieldViolations(const absl::Status& status) {
  std::vector<FieldViolation> violations;
  const auto payload = status.GetPayload(kViolationsUrl);
  if (!payload.has_value()) return violations;
  const std::string text(*payload);
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> parts = absl::StrSplit(line, '\t');
    FieldViolation violation;
    if (parts.size() == 2 && absl::CUnescape(parts[0], &violation.field) &&
        absl::CUnescape(parts[1], &violation.description)) {
      violations.push_back(std::move(violation));
    }
  }
  return violations;
}

absl::Status PrefixFieldViolations(std::string_view prefix, const absl::Status& status) {
  std::vector<FieldViolation> violations = FieldViolations(status);
  if (violations.empty()) return status;
  for (FieldViolation& violation : violations) {
    violation.field = PrefixedField(prefix, violation.field);
  }
  absl::Status prefixed(status.code(), Message(violations));
  SetFieldViolations(violations, &prefixed);
  return WithReason(prefixed, ErrorReason(status));
}

void SetFieldViolations(std::span<const FieldViolation> violations, absl::Status* status) {
  if (violations.empty()) {
    status->ErasePayload(kViolationsUrl);
  } else {
    status->SetPayload(kViolationsUrl, absl::Cord(Encode(violations)));
  }
}

absl::Status WithReason(absl::Status status, std::string_view reason) {
  if (!reason.empty()) status.SetPayload(kReasonUrl, absl::Cord(ToAbsl(reason)));
  return status;
}

std::string ErrorReason(const absl::Status& status) {
  const auto payload = status.GetPayload(kReasonUrl);
  return payload.has_value() ? std::string(*payload) : "";
}

}  // namespace graft::base
