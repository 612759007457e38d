#include "common/config/yaml_writer.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/message.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "common/base/strings.h"
#include "common/config/scalar.h"

namespace graft::config {
namespace internal {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::ListValue;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;
using ::google::protobuf::Struct;
using ::google::protobuf::Value;

constexpr size_t kLineLength = 100;

// Words that some YAML reader takes for something other than a string.
bool IsReserved(const std::string& text) {
  static const char* const kWords[] = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"};
  const std::string lower = absl::AsciiStrToLower(text);
  return std::find(std::begin(kWords), std::end(kWords), lower) != std::end(kWords);
}

bool IsPlainSafe(const std::string& text) {
  if (text.empty() || !(absl::ascii_isalpha(text[0]) || text[0] == '_' || text[0] == '/')) {
    return false;
  }
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '.' || c == '/';
  });
}

std::string StringText(const std::string& text) {
  return IsPlainSafe(text) && !IsReserved(text) ? text : base::JsonQuote(text);
}

// The shortest text that reads back to the same value.
template <typename T>
std::string NumberText(T value) {
  char buffer[64];
  const std::to_chars_result result = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return std::string(buffer, result.ptr);
}

std::string Braces(const std::vector<std::string>& parts) {
  return absl::StrCat("{", absl::StrJoin(parts, ", "), "}");
}

std::string Brackets(const std::vector<std::string>& parts) {
  return absl::StrCat("[", absl::StrJoin(parts, ", "), "]");
}

std::string AnyText(const Value& value);

std::string StructText(const Struct& structure) {
  const std::map<std::string, Value> sorted(structure.fields().begin(), structure.fields().end());
  std::vector<std::string> parts;
  for (const auto& [key, value] : sorted) {
    parts.push_back(absl::StrCat(StringText(key), ": ", AnyText(value)));
  }
  return Braces(parts);
}

std::string ListText(const ListValue& list) {
  std::vector<std::string> parts;
  for (const Value& value : list.values()) parts.push_back(AnyText(value));
  return Brackets(parts);
}

std::string AnyText(const Value& value) {
  switch (value.kind_case()) {
    case Value::kNumberValue:
      return NumberText(value.number_value());
    case Value::kStringValue:
      return StringText(value.string_value());
    case Value::kBoolValue:
      return value.bool_value() ? "true" : "false";
    case Value::kStructValue:
      return StructText(value.struct_value());
    case Value::kListValue:
      return ListText(value.list_value());
    case Value::kNullValue:
    case Value::KIND_NOT_SET:
      break;
  }
  return "null";
}

std::string DurationText(const google::protobuf::Duration& duration) {
  return absl::FormatDuration(absl::Seconds(duration.seconds()) +
                              absl::Nanoseconds(duration.nanos()));
}

std::string TimestampText(const google::protobuf::Timestamp& timestamp) {
  return absl::FormatTime(
      absl::RFC3339_full,
      absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos()),
      absl::UTCTimeZone());
}

// Fields that are set, in the proto's order (ListFields sorts by number).
std::vector<const FieldDescriptor*> SetFields(const Message& message) {
  std::vector<const FieldDescriptor*> set;
  message.GetReflection()->ListFields(message, &set);
  std::sort(set.begin(), set.end(),
            [](const auto* a, const auto* b) { return a->index() < b->index(); });
  return set;
}

std::string MessageText(const Message& message) {
  if (const auto* value = dynamic_cast<const google::protobuf::Duration*>(&message)) {
    return DurationText(*value);
  }
  if (const auto* value = dynamic_cast<const google::protobuf::Timestamp*>(&message)) {
    return base::JsonQuote(TimestampText(*value));
  }
  if (const auto* value = dynamic_cast<const Struct*>(&message)) return StructText(*value);
  if (const auto* value = dynamic_cast<const ListValue*>(&message)) return ListText(*value);
  if (const auto* value = dynamic_cast<const Value*>(&message)) return AnyText(*value);
  std::vector<std::string> parts;
  for (const FieldDescriptor* field : SetFields(message)) {
    parts.push_back(absl::StrCat(field->name(), ": ", FlowValue(*field, message)));
  }
  return Braces(parts);
}

// One value; `index` counts within a repeated field and is -1 for a singular one.
std::string ValueText(const FieldDescriptor& field, const Message& message, int index) {
  const Reflection& reflection = *message.GetReflection();
#define GRAFT_GET(Type)                              \
  (index < 0 ? reflection.Get##Type(message, &field) \
             : reflection.GetRepeated##Type(message, &field, index))
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(GRAFT_GET(Int32));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(GRAFT_GET(Int64));
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(GRAFT_GET(UInt32));
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(GRAFT_GET(UInt64));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return NumberText(GRAFT_GET(Double));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return NumberText(GRAFT_GET(Float));
    case FieldDescriptor::CPPTYPE_BOOL:
      return GRAFT_GET(Bool) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return ShortEnumName(*GRAFT_GET(Enum));
    case FieldDescriptor::CPPTYPE_STRING:
      if (field.type() == FieldDescriptor::TYPE_BYTES) {
        return absl::StrCat("\"", absl::Base64Escape(GRAFT_GET(String)), "\"");
      }
      return StringText(GRAFT_GET(String));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return MessageText(index < 0 ? reflection.GetMessage(message, &field)
                                   : reflection.GetRepeatedMessage(message, &field, index));
  }
#undef GRAFT_GET
  return "";
}

std::string MapText(const FieldDescriptor& field, const Message& message) {
  const Reflection& reflection = *message.GetReflection();
  const FieldDescriptor& key = *field.message_type()->map_key();
  const FieldDescriptor& value = *field.message_type()->map_value();
  std::map<std::string, std::string> sorted;
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    sorted.emplace(ValueText(key, entry, -1), ValueText(value, entry, -1));
  }
  std::vector<std::string> parts;
  for (const auto& [name, text] : sorted) parts.push_back(absl::StrCat(name, ": ", text));
  return Braces(parts);
}

std::string MessageLines(const Message& message, int indent) {
  std::string lines;
  for (const FieldDescriptor* field : SetFields(message)) {
    absl::StrAppend(&lines, FieldLines(*field, message, indent));
  }
  return lines;
}

// A list with an element a line: in flow style where that fits, as a block otherwise.
std::string ElementLines(const FieldDescriptor& field, const Message& message, int indent) {
  const Reflection& reflection = *message.GetReflection();
  std::string lines;
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const std::string flow = ValueText(field, message, i);
    std::string element = absl::StrCat(std::string(indent, ' '), "- ", flow, "\n");
    if (!IsLeaf(field) && element.size() > kLineLength + 1 && flow != "{}") {
      element = MessageLines(reflection.GetRepeatedMessage(message, &field, i), indent + 2);
      element[static_cast<size_t>(indent)] = '-';
    }
    absl::StrAppend(&lines, element);
  }
  return lines;
}

}  // namespace

bool IsLeaf(const FieldDescriptor& field) {
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field.is_map()) return true;
  return absl::StartsWith(field.message_type()->full_name(), "google.protobuf.");
}

std::string FlowValue(const FieldDescriptor& field, const Message& message) {
  if (field.is_map()) return MapText(field, message);
  if (!field.is_repeated()) return ValueText(field, message, -1);
  std::vector<std::string> parts;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
    parts.push_back(ValueText(field, message, i));
  }
  return Brackets(parts);
}

std::string FieldLines(const FieldDescriptor& field, const Message& message, int indent) {
  const std::string name = absl::StrCat(std::string(indent, ' '), field.name(), ":");
  const std::string flow = absl::StrCat(name, " ", FlowValue(field, message), "\n");
  if (field.is_repeated() && !field.is_map()) {
    if (IsLeaf(field) && flow.size() <= kLineLength + 1) return flow;
    return absl::StrCat(name, "\n", ElementLines(field, message, indent + 2));
  }
  if (IsLeaf(field)) return flow;
  const Message& value = message.GetReflection()->GetMessage(message, &field);
  const std::string lines = MessageLines(value, indent + 2);
  return lines.empty() ? flow : absl::StrCat(name, "\n", lines);
}

}  // namespace internal

std::string ToYaml(const google::protobuf::Message& message) {
  return internal::MessageLines(message, 0);
}

}  // namespace graft::config
