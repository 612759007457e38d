#include "common/config/yaml_reader.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/message.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/config/scalar.h"
#include "common/config/suggest.h"

namespace graft::config::internal {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::ListValue;
using ::google::protobuf::Message;
using ::google::protobuf::OneofDescriptor;
using ::google::protobuf::Struct;
using ::google::protobuf::Value;

// google.protobuf.Duration and Timestamp, by their specification.
constexpr int64_t kMaxDurationSeconds = 315'576'000'000;
constexpr int64_t kMinTimestampSeconds = -62'135'596'800;  // 0001-01-01
constexpr int64_t kMaxTimestampSeconds = 253'402'300'799;  // 9999-12-31

// yaml-cpp gives "?" as the tag of a plain scalar, "!" of one in quotes.
bool IsQuoted(const YAML::Node& node) {
  return node.Tag() == "!" || node.Tag() == "tag:yaml.org,2002:str";
}

std::string Kind(const YAML::Node& node) {
  if (node.IsSequence()) return "a list";
  if (node.IsMap()) return "a map";
  if (node.IsNull()) return "nothing";
  return Quoted(node.Scalar());
}

std::string Join(const std::string& path, const std::string& name) {
  return path.empty() ? name : absl::StrCat(path, ".", name);
}

std::string Element(const std::string& path, size_t index) {
  return absl::StrCat(path, "[", index, "]");
}

const FieldDescriptor* FindField(const Descriptor& type, const std::string& key) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor* field = type.field(i);
    if (field->name() == key || field->json_name() == key) return field;
  }
  return nullptr;
}

std::vector<std::string> FieldNames(const Descriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
  return names;
}

// Fills one message from one tree. Used once, by one thread.
class Reader {
 public:
  Reader(std::string_view file_name, YamlSource* source) : file_name_(file_name), source_(source) {}

  absl::Status ReadMessage(const YAML::Node& node, const std::string& path, int depth,
                           Message* message);

 private:
  absl::Status Error(const YAML::Mark& mark, const std::string& path, std::string_view what) const;
  absl::Status Count(const YAML::Node& node, const std::string& path, int depth);
  absl::StatusOr<std::string> Key(const YAML::Node& key, const std::string& path) const;

  absl::Status ReadFields(const YAML::Node& node, const std::string& path, int depth,
                          Message* message);
  absl::Status ReadField(const YAML::Node& node, const std::string& path, int depth,
                         const FieldDescriptor& field, Message* message);
  absl::Status ReadRepeated(const YAML::Node& node, const std::string& path, int depth,
                            const FieldDescriptor& field, Message* message);
  absl::Status ReadMap(const YAML::Node& node, const std::string& path, int depth,
                       const FieldDescriptor& field, Message* message);
  // One value of a singular or repeated field.
  absl::Status ReadValue(const YAML::Node& node, const std::string& path, int depth,
                         const FieldDescriptor& field, Message* message);
  absl::Status ReadDuration(const YAML::Node& node, const std::string& path,
                            google::protobuf::Duration* duration) const;
  absl::Status ReadTimestamp(const YAML::Node& node, const std::string& path,
                             google::protobuf::Timestamp* timestamp) const;
  absl::Status ReadStruct(const YAML::Node& node, const std::string& path, int depth,
                          Struct* structure);
  absl::Status ReadList(const YAML::Node& node, const std::string& path, int depth,
                        ListValue* list);
  absl::Status ReadAny(const YAML::Node& node, const std::string& path, int depth, Value* value);

  const std::string file_name_;
  YamlSource* const source_;
  int values_ = 0;
};

absl::Status Reader::Error(const YAML::Mark& mark, const std::string& path,
                           std::string_view what) const {
  absl::Status status = absl::InvalidArgumentError(
      absl::StrCat(file_name_, ":", mark.line + 1, ":", mark.column + 1, ": ", path,
                   path.empty() ? "" : ": ", base::ToAbsl(what)));
  const base::FieldViolation violation{path, std::string(what)};
  base::SetFieldViolations({&violation, 1}, &status);
  return status;
}

absl::Status Reader::Count(const YAML::Node& node, const std::string& path, int depth) {
  if (depth > kMaxYamlDepth) {
    return Error(node.Mark(), path,
                 absl::StrCat("nested more than ", kMaxYamlDepth, " levels deep"));
  }
  if (++values_ > kMaxYamlValues) {
    return Error(node.Mark(), path,
                 absl::StrCat("more than ", kMaxYamlValues, " values, aliases expanded"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Reader::Key(const YAML::Node& key, const std::string& path) const {
  if (!key.IsScalar()) {
    return Error(key.Mark(), path, absl::StrCat("expected a name as key, got ", Kind(key)));
  }
  return key.Scalar();
}

absl::Status Reader::ReadMessage(const YAML::Node& node, const std::string& path, int depth,
                                 Message* message) {
  RETURN_IF_ERROR(Count(node, path, depth));
  if (auto* duration = dynamic_cast<google::protobuf::Duration*>(message)) {
    return ReadDuration(node, path, duration);
  }
  if (auto* timestamp = dynamic_cast<google::protobuf::Timestamp*>(message)) {
    return ReadTimestamp(node, path, timestamp);
  }
  if (auto* structure = dynamic_cast<Struct*>(message)) {
    return ReadStruct(node, path, depth, structure);
  }
  if (auto* list = dynamic_cast<ListValue*>(message)) return ReadList(node, path, depth, list);
  if (auto* value = dynamic_cast<Value*>(message)) return ReadAny(node, path, depth, value);
  return ReadFields(node, path, depth, message);
}

absl::Status Reader::ReadFields(const YAML::Node& node, const std::string& path, int depth,
                                Message* message) {
  if (node.IsNull()) return absl::OkStatus();
  const Descriptor& type = *message->GetDescriptor();
  if (!node.IsMap()) {
    return Error(node.Mark(), path,
                 absl::StrCat("expected a map with the fields ",
                              absl::StrJoin(FieldNames(type), ", "), "; got ", Kind(node)));
  }
  std::set<const FieldDescriptor*> seen;
  std::map<const OneofDescriptor*, std::string> chosen;
  for (const auto& entry : node) {
    ASSIGN_OR_RETURN(const std::string key, Key(entry.first, path));
    const YAML::Mark mark = entry.first.Mark();
    const FieldDescriptor* field = FindField(type, key);
    if (field == nullptr) {
      const std::vector<std::string> names = FieldNames(type);
      const std::string hint = DidYouMean(key, names);
      return Error(mark, Join(path, key),
                   hint.empty()
                       ? absl::StrCat("unknown field; expected one of ", absl::StrJoin(names, ", "))
                       : absl::StrCat("unknown field", hint));
    }
    const std::string field_path = Join(path, field->name());
    if (!seen.insert(field).second) return Error(mark, field_path, "given twice");
    source_->Record(field_path, mark.line, mark.column);
    const OneofDescriptor* oneof = field->real_containing_oneof();
    if (entry.second.IsNull() && oneof == nullptr) continue;
    if (oneof != nullptr) {
      const auto [other, fresh] = chosen.emplace(oneof, field->name());
      if (!fresh) {
        return Error(mark, field_path,
                     absl::StrCat("excludes \"", other->second, "\"; give only one of them"));
      }
    }
    RETURN_IF_ERROR(ReadField(entry.second, field_path, depth + 1, *field, message));
  }
  return absl::OkStatus();
}

absl::Status Reader::ReadField(const YAML::Node& node, const std::string& path, int depth,
                               const FieldDescriptor& field, Message* message) {
  if (field.is_map()) return ReadMap(node, path, depth, field, message);
  if (field.is_repeated()) return ReadRepeated(node, path, depth, field, message);
  return ReadValue(node, path, depth, field, message);
}

absl::Status Reader::ReadRepeated(const YAML::Node& node, const std::string& path, int depth,
                                  const FieldDescriptor& field, Message* message) {
  RETURN_IF_ERROR(Count(node, path, depth));
  if (!node.IsSequence()) {
    return Error(node.Mark(), path, absl::StrCat("expected a list, got ", Kind(node)));
  }
  for (size_t i = 0; i < node.size(); ++i) {
    const YAML::Node& element = node[i];
    const std::string element_path = Element(path, i);
    source_->Record(element_path, element.Mark().line, element.Mark().column);
    // An empty element's own mark is that of whatever follows it.
    if (element.IsNull()) {
      return Error(node.Mark(), element_path, "expected a value, got nothing");
    }
    RETURN_IF_ERROR(ReadValue(element, element_path, depth + 1, field, message));
  }
  return absl::OkStatus();
}

absl::Status Reader::ReadMap(const YAML::Node& node, const std::string& path, int depth,
                             const FieldDescriptor& field, Message* message) {
  RETURN_IF_ERROR(Count(node, path, depth));
  if (!node.IsMap()) {
    return Error(node.Mark(), path, absl::StrCat("expected a map, got ", Kind(node)));
  }
  const FieldDescriptor& key_field = *field.message_type()->map_key();
  const FieldDescriptor& value_field = *field.message_type()->map_value();
  std::set<Scalar> seen;
  for (const auto& entry : node) {
    ASSIGN_OR_RETURN(const std::string text, Key(entry.first, path));
    const std::string entry_path = Join(path, text);
    const YAML::Mark mark = entry.first.Mark();
    const absl::StatusOr<Scalar> key = ParseScalar(key_field, text, /*quoted=*/false);
    if (!key.ok()) return Error(mark, entry_path, base::ToStd(key.status().message()));
    if (!seen.insert(*key).second) return Error(mark, entry_path, "given twice");
    source_->Record(entry_path, mark.line, mark.column);
    if (entry.second.IsNull()) return Error(mark, entry_path, "expected a value, got nothing");
    Message* pair = message->GetReflection()->AddMessage(message, &field);
    StoreScalar(key_field, *key, pair);
    RETURN_IF_ERROR(ReadValue(entry.second, entry_path, depth + 1, value_field, pair));
  }
  return absl::OkStatus();
}

absl::Status Reader::ReadValue(const YAML::Node& node, const std::string& path, int depth,
                               const FieldDescriptor& field, Message* message) {
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    const google::protobuf::Reflection& reflection = *message->GetReflection();
    Message* value = field.is_repeated() ? reflection.AddMessage(message, &field)
                                         : reflection.MutableMessage(message, &field);
    return ReadMessage(node, path, depth, value);
  }
  RETURN_IF_ERROR(Count(node, path, depth));
  if (!node.IsScalar()) {
    return Error(node.Mark(), path, absl::StrCat("expected a single value, got ", Kind(node)));
  }
  const absl::StatusOr<Scalar> value = ParseScalar(field, node.Scalar(), IsQuoted(node));
  if (!value.ok()) return Error(node.Mark(), path, base::ToStd(value.status().message()));
  StoreScalar(field, *value, message);
  return absl::OkStatus();
}

absl::Status Reader::ReadDuration(const YAML::Node& node, const std::string& path,
                                  google::protobuf::Duration* duration) const {
  absl::Duration value;
  if (!node.IsScalar() || !absl::ParseDuration(node.Scalar(), &value) ||
      absl::AbsDuration(value) > absl::Seconds(kMaxDurationSeconds)) {
    return Error(node.Mark(), path,
                 absl::StrCat("expected a duration such as 10s or 1m30s, got ", Kind(node)));
  }
  duration->set_seconds(absl::IDivDuration(value, absl::Seconds(1), &value));
  duration->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(value)));
  return absl::OkStatus();
}

absl::Status Reader::ReadTimestamp(const YAML::Node& node, const std::string& path,
                                   google::protobuf::Timestamp* timestamp) const {
  absl::Time value;
  std::string error;
  const bool parsed =
      node.IsScalar() && absl::ParseTime(absl::RFC3339_full, node.Scalar(), &value, &error);
  const int64_t seconds = parsed ? absl::ToUnixSeconds(value) : 0;
  if (!parsed || seconds < kMinTimestampSeconds || seconds > kMaxTimestampSeconds) {
    return Error(node.Mark(), path,
                 absl::StrCat("expected a time such as 2025-01-31T12:00:00Z, got ", Kind(node)));
  }
  timestamp->set_seconds(seconds);
  timestamp->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(value - absl::FromUnixSeconds(seconds))));
  return absl::OkStatus();
}

absl::Status Reader::ReadStruct(const YAML::Node& node, const std::string& path, int depth,
                                Struct* structure) {
  if (node.IsNull()) return absl::OkStatus();
  if (!node.IsMap()) {
    return Error(node.Mark(), path, absl::StrCat("expected a map, got ", Kind(node)));
  }
  for (const auto& entry : node) {
    ASSIGN_OR_RETURN(const std::string key, Key(entry.first, path));
    const std::string entry_path = Join(path, key);
    const YAML::Mark mark = entry.first.Mark();
    if (structure->fields().contains(key)) return Error(mark, entry_path, "given twice");
    source_->Record(entry_path, mark.line, mark.column);
    RETURN_IF_ERROR(Count(entry.second, entry_path, depth + 1));
    RETURN_IF_ERROR(
        ReadAny(entry.second, entry_path, depth + 1, &(*structure->mutable_fields())[key]));
  }
  return absl::OkStatus();
}

absl::Status Reader::ReadList(const YAML::Node& node, const std::string& path, int depth,
                              ListValue* list) {
  if (!node.IsSequence()) {
    return Error(node.Mark(), path, absl::StrCat("expected a list, got ", Kind(node)));
  }
  for (size_t i = 0; i < node.size(); ++i) {
    const YAML::Node& element = node[i];
    const std::string element_path = Element(path, i);
    source_->Record(element_path, element.Mark().line, element.Mark().column);
    RETURN_IF_ERROR(Count(element, element_path, depth + 1));
    RETURN_IF_ERROR(ReadAny(element, element_path, depth + 1, list->add_values()));
  }
  return absl::OkStatus();
}

// YAML's core schema: what is not in quotes may be null, a boolean or a number.
absl::Status Reader::ReadAny(const YAML::Node& node, const std::string& path, int depth,
                             Value* value) {
  if (node.IsMap()) return ReadStruct(node, path, depth, value->mutable_struct_value());
  if (node.IsSequence()) return ReadList(node, path, depth, value->mutable_list_value());
  if (node.IsNull()) {
    value->set_null_value(google::protobuf::NULL_VALUE);
    return absl::OkStatus();
  }
  const std::string& text = node.Scalar();
  double number = 0;
  if (IsQuoted(node)) {
    value->set_string_value(text);
  } else if (text == "true" || text == "false") {
    value->set_bool_value(text == "true");
  } else if (ParseNumber(text, &number)) {
    if (!std::isfinite(number)) return Error(node.Mark(), path, "expected a finite number");
    value->set_number_value(number);
  } else {
    value->set_string_value(text);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<YamlSource> ReadDocument(const YAML::Node& root, std::string_view file_name,
                                        Message* message) {
  message->Clear();
  YamlSource source{std::string(file_name)};
  Reader reader(file_name, &source);
  RETURN_IF_ERROR(reader.ReadMessage(root, "", 0, message));
  return source;
}

}  // namespace graft::config::internal
