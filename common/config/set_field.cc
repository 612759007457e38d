#include "common/config/set_field.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <vector>

#include "absl/strings/str_split.h"
#include "common/base/check.h"
#include "common/base/field_error.h"
#include "common/base/strings.h"
#include "common/config/scalar.h"

namespace graft::config {

using ::google::protobuf::FieldDescriptor;

absl::Status SetField(std::string_view path, const std::string& text,
                      google::protobuf::Message* message) {
  const std::vector<std::string> names = absl::StrSplit(base::ToAbsl(path), '.');
  for (size_t i = 0; i + 1 < names.size(); ++i) {
    const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(names[i]);
    GRAFT_CHECK(field != nullptr && !field->is_repeated()) << path;
    message = message->GetReflection()->MutableMessage(message, field);
  }
  const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(names.back());
  GRAFT_CHECK(field != nullptr && !field->is_repeated() &&
              field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE)
      << path;
  const absl::StatusOr<internal::Scalar> value =
      internal::ParseScalar(*field, text, /*quoted=*/false);
  if (!value.ok()) return base::InvalidFieldError(path, base::ToStd(value.status().message()));
  internal::StoreScalar(*field, *value, message);
  return absl::OkStatus();
}

}  // namespace graft::config
