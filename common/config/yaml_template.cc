#include "common/config/yaml_template.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/strings.h"
#include "common/config/descriptors.h"
#include "common/config/scalar.h"
#include "common/config/yaml_writer.h"

namespace graft::config {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::EnumDescriptor;
using ::google::protobuf::EnumValueDescriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::OneofDescriptor;

constexpr size_t kLineLength = 100;

bool IsSet(const FieldDescriptor& field, const Message& message) {
  return field.is_repeated() ? message.GetReflection()->FieldSize(message, &field) > 0
                             : message.GetReflection()->HasField(message, &field);
}

// What a field that is not set is shown with.
std::string Placeholder(const FieldDescriptor& field) {
  if (field.is_map()) return "{}";
  if (field.is_repeated()) return "[]";
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return "false";
    case FieldDescriptor::CPPTYPE_STRING:
      return "\"\"";
    case FieldDescriptor::CPPTYPE_ENUM: {
      const std::vector<std::string> choices = internal::EnumChoices(*field.enum_type());
      return choices.empty() ? "" : choices.front();
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return field.message_type()->full_name() == "google.protobuf.Duration" ? "0s" : "{}";
    default:
      return "0";
  }
}

std::string EnumComment(const EnumDescriptor& type) {
  std::vector<std::string> choices;
  for (int i = 0; i < type.value_count(); ++i) {
    const EnumValueDescriptor& value = *type.value(i);
    if (value.number() == 0 && absl::EndsWith(value.name(), "_UNSPECIFIED")) continue;
    choices.push_back(
        absl::StrCat("`", internal::ShortEnumName(value), "`: ", internal::CommentOf(value)));
  }
  return absl::StrJoin(choices, " ");
}

std::string OneofComment(const OneofDescriptor& oneof) {
  std::vector<std::string> names;
  for (int i = 0; i < oneof.field_count(); ++i) names.push_back(oneof.field(i)->name());
  return names.size() < 2 ? "" : absl::StrCat("Choose one of: ", absl::StrJoin(names, ", "), ".");
}

// Writes one message after the other into a text.
class Template {
 public:
  // The fields of `message` (or, where it is null, of an unset message of this type).
  void WriteFields(const Descriptor& type, const Message* message, int indent);

  std::string Take() { return std::move(text_); }

 private:
  void WriteField(const FieldDescriptor& field, const Message* message, int indent);
  void WriteUnset(const FieldDescriptor& field, int indent);
  void WriteComment(std::string_view comment, int indent);
  void WriteHidden(int indent, std::string_view line);

  std::string text_;
  // Types being written, outermost first: a type within itself is not written again.
  std::vector<const Descriptor*> open_;
};

void Template::WriteComment(std::string_view comment, int indent) {
  if (comment.empty()) return;
  const std::string start = absl::StrCat(std::string(indent, ' '), "#");
  std::string line = start;
  for (const absl::string_view word : absl::StrSplit(base::ToAbsl(comment), ' ')) {
    if (line.size() > start.size() && line.size() + 1 + word.size() > kLineLength) {
      absl::StrAppend(&text_, line, "\n");
      line = start;
    }
    absl::StrAppend(&line, " ", word);
  }
  absl::StrAppend(&text_, line, "\n");
}

void Template::WriteHidden(int indent, std::string_view line) {
  absl::StrAppend(&text_, std::string(indent, ' '), "#", base::ToAbsl(line), "\n");
}

void Template::WriteUnset(const FieldDescriptor& field, int indent) {
  if (internal::IsLeaf(field)) {
    WriteHidden(indent, absl::StrCat(field.name(), ": ", Placeholder(field)));
    return;
  }
  for (const Descriptor* open : open_) {
    if (open == field.message_type()) return WriteHidden(indent, field.name() + ": {}");
  }
  WriteHidden(indent, field.name() + ":");
  int inner = indent + 2;
  if (field.is_repeated()) {
    WriteHidden(inner, "-");
    inner += 2;
  }
  WriteFields(*field.message_type(), nullptr, inner);
}

void Template::WriteField(const FieldDescriptor& field, const Message* message, int indent) {
  const std::string comment = internal::CommentOf(field);
  const bool set = message != nullptr && IsSet(field, *message);
  if (!set && absl::StartsWith(comment, "Output only")) return;
  WriteComment(comment, indent);
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
    WriteComment(EnumComment(*field.enum_type()), indent);
  }
  if (!set) {
    WriteUnset(field, indent);
  } else if (internal::IsLeaf(field) || field.is_repeated()) {
    absl::StrAppend(&text_, internal::FieldLines(field, *message, indent));
  } else {
    const Message& value = message->GetReflection()->GetMessage(*message, &field);
    // Followed by comments alone, `name:` would be null.
    std::vector<const FieldDescriptor*> any;
    value.GetReflection()->ListFields(value, &any);
    absl::StrAppend(&text_, std::string(indent, ' '), field.name(), any.empty() ? ": {}" : ":",
                    "\n");
    WriteFields(*field.message_type(), &value, indent + 2);
  }
}

void Template::WriteFields(const Descriptor& type, const Message* message, int indent) {
  open_.push_back(&type);
  const OneofDescriptor* previous = nullptr;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const OneofDescriptor* oneof = field.real_containing_oneof();
    if (oneof != nullptr && oneof != previous) WriteComment(OneofComment(*oneof), indent);
    previous = oneof;
    WriteField(field, message, indent);
  }
  open_.pop_back();
}

}  // namespace

std::string WriteCommentedYaml(const Message& example) {
  Template yaml;
  yaml.WriteFields(*example.GetDescriptor(), &example, 0);
  return yaml.Take();
}

}  // namespace graft::config
