#include "tests/golden/protos/proto_snapshot.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace graft::golden {
namespace {

using ::google::protobuf::DescriptorProto;
using ::google::protobuf::EnumDescriptorProto;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::FieldDescriptorProto;
using ::google::protobuf::FileDescriptorProto;
using ::google::protobuf::ServiceDescriptorProto;

using Lines = std::vector<std::string>;

std::string WithoutDot(const std::string& name) {
  return std::string(absl::StripPrefix(name, "."));
}

std::string TypeName(const FieldDescriptorProto& field) {
  if (!field.type_name().empty()) return WithoutDot(field.type_name());
  return FieldDescriptor::TypeName(static_cast<FieldDescriptor::Type>(field.type()));
}

// The message that stands for the entries of the map `field`; null if it is no map.
const DescriptorProto* MapEntry(const DescriptorProto& message, const FieldDescriptorProto& field) {
  for (const DescriptorProto& nested : message.nested_type()) {
    const std::string suffix = absl::StrCat(message.name(), ".", nested.name());
    const absl::string_view type = field.type_name();
    if (nested.options().map_entry() && absl::EndsWith(type, suffix)) return &nested;
  }
  return nullptr;
}

std::string Describe(const DescriptorProto& message, const FieldDescriptorProto& field) {
  if (const DescriptorProto* entry = MapEntry(message, field)) {
    return absl::StrCat("map<", TypeName(entry->field(0)), ", ", TypeName(entry->field(1)), ">");
  }
  if (field.label() == FieldDescriptorProto::LABEL_REPEATED) return "repeated " + TypeName(field);
  if (field.proto3_optional()) return "optional " + TypeName(field);
  if (!field.has_oneof_index()) return TypeName(field);
  return absl::StrCat(TypeName(field), " in ", message.oneof_decl(field.oneof_index()).name());
}

void AddEnum(const EnumDescriptorProto& type, const std::string& scope, Lines& lines) {
  std::multimap<int, std::string> by_number;
  for (const auto& value : type.value()) {
    by_number.emplace(value.number(), absl::StrCat("value ", scope, ".", type.name(), ".",
                                                   value.name(), " ", value.number()));
  }
  for (const auto& [number, line] : by_number) lines.push_back(line);
}

void AddMessage(const DescriptorProto& message, const std::string& scope, Lines& lines) {
  const std::string name = absl::StrCat(scope, ".", message.name());
  std::map<int, std::string> by_number;
  for (const FieldDescriptorProto& field : message.field()) {
    by_number[field.number()] = absl::StrCat("field ", name, ".", field.name(), " ", field.number(),
                                             " ", Describe(message, field));
  }
  for (const auto& [number, line] : by_number) lines.push_back(line);
  for (const EnumDescriptorProto& nested : message.enum_type()) AddEnum(nested, name, lines);
  for (const DescriptorProto& nested : message.nested_type()) {
    if (!nested.options().map_entry()) AddMessage(nested, name, lines);
  }
}

void AddService(const ServiceDescriptorProto& service, const std::string& scope, Lines& lines) {
  for (const auto& method : service.method()) {
    lines.push_back(absl::StrCat(
        "rpc ", scope, ".", service.name(), ".", method.name(), " ",
        method.client_streaming() ? "stream " : "", WithoutDot(method.input_type()), " returns ",
        method.server_streaming() ? "stream " : "", WithoutDot(method.output_type())));
  }
}

// A line in parts: "field graft.v1.Search.state" and "3 graft.v1.SearchState".
struct Entry {
  std::string key;
  std::string contents;

  std::string Scope() const { return key.substr(0, key.rfind('.')); }
  // Empty for an rpc, which has none.
  std::string Number() const {
    return absl::StartsWith(key, "rpc ") ? "" : contents.substr(0, contents.find(' '));
  }
};

Entry Parse(const std::string& line) {
  const size_t end = line.find(' ', line.find(' ') + 1);
  if (end == std::string::npos) return {.key = line, .contents = ""};
  return {.key = line.substr(0, end), .contents = line.substr(end + 1)};
}

std::map<std::string, Entry> ByKey(const Lines& lines) {
  std::map<std::string, Entry> entries;
  for (const std::string& line : lines) {
    Entry entry = Parse(line);
    std::string key = entry.key;
    entries.emplace(std::move(key), std::move(entry));
  }
  return entries;
}

std::optional<std::string> FindRenamed(const Entry& gone, const std::vector<Entry>& added) {
  for (const Entry& entry : added) {
    const bool same = entry.Scope() == gone.Scope() && entry.Number() == gone.Number();
    if (same && !gone.Number().empty()) return entry.key;
  }
  return std::nullopt;
}

}  // namespace

Lines Snapshot(const google::protobuf::FileDescriptorSet& files) {
  Lines lines;
  for (const FileDescriptorProto& file : files.file()) {
    if (!absl::StartsWith(file.name(), "proto/")) continue;
    for (const auto& service : file.service()) AddService(service, file.package(), lines);
    for (const auto& type : file.enum_type()) AddEnum(type, file.package(), lines);
    for (const auto& message : file.message_type()) AddMessage(message, file.package(), lines);
  }
  return lines;
}

Lines ParseSnapshot(std::string_view text) {
  Lines lines;
  std::istringstream stream{std::string(text)};
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty() && line[0] != '#') lines.push_back(line);
  }
  return lines;
}

Differences Compare(const Lines& recorded, const Lines& current) {
  const std::map<std::string, Entry> before = ByKey(recorded);
  const std::map<std::string, Entry> now = ByKey(current);
  Differences differences;
  std::vector<Entry> added;
  for (const std::string& line : current) {
    Entry entry = Parse(line);
    if (before.contains(entry.key)) continue;
    differences.added.push_back(line);
    added.push_back(std::move(entry));
  }
  for (const std::string& line : recorded) {
    const Entry old = Parse(line);
    const auto found = now.find(old.key);
    if (found != now.end()) {
      if (found->second.contents == old.contents) continue;
      differences.broken.push_back(
          absl::StrCat(old.key, " was `", old.contents, "` and is `", found->second.contents, "`"));
    } else if (const auto renamed = FindRenamed(old, added)) {
      differences.broken.push_back(absl::StrCat(old.key, " was renamed to ", *renamed));
    } else {
      differences.broken.push_back(absl::StrCat(old.key, " was removed"));
    }
  }
  return differences;
}

}  // namespace graft::golden
