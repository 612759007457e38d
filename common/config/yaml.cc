#include "common/config/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/field_error.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/config/yaml_reader.h"

namespace graft::config {
namespace {

absl::Status ErrorAt(std::string_view file_name, size_t line, size_t column,
                     std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(base::ToAbsl(file_name), ":", line, ":", column, ": ", base::ToAbsl(what)));
}

// Refuses what yaml-cpp would read as something else: other encodings and broken UTF-8.
absl::Status CheckText(std::string_view text, std::string_view file_name) {
  if (text.size() > kMaxYamlBytes) {
    return ErrorAt(
        file_name, 1, 1,
        absl::StrCat("the file has ", text.size(), " bytes; at most ", kMaxYamlBytes, " are read"));
  }
  size_t number = 1;
  for (size_t begin = 0; begin <= text.size(); ++number) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    if (!base::IsValidUtf8(line) || line.find('\0') != std::string_view::npos) {
      return ErrorAt(file_name, number, 1, "expected text in UTF-8");
    }
    begin = end + 1;
  }
  return absl::OkStatus();
}

// The enclosing field's path: "a.b[1]" -> "a.b" -> "a" -> "".
std::string_view Parent(std::string_view path) {
  const size_t end = path.find_last_of(".[");
  return end == std::string_view::npos ? std::string_view() : path.substr(0, end);
}

std::string_view WithoutPrefix(std::string_view path, std::string_view prefix) {
  if (prefix.empty() || path.substr(0, prefix.size()) != prefix) return path;
  const std::string_view rest = path.substr(prefix.size());
  if (rest.empty()) return rest;
  return rest.front() == '.' ? rest.substr(1) : path;
}

// Notes where the first value of a document stands.
class FirstValue : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override { mark_.reset(); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { Note(mark); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { Note(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                const std::string&) override {
    Note(mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    Note(mark);
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    Note(mark);
  }
  void OnMapEnd() override {}

  YAML::Mark mark() const { return mark_.value_or(YAML::Mark()); }

 private:
  void Note(const YAML::Mark& mark) {
    if (!mark_.has_value()) mark_ = mark;
  }

  std::optional<YAML::Mark> mark_;
};

// Where the second document begins, if there is one. YAML::LoadAll would tell, too, but never ends
// at a comma outside brackets: yaml-cpp takes it for one empty document after the other.
std::optional<YAML::Mark> FindSecondDocument(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  FirstValue first_value;
  if (!parser.HandleNextDocument(first_value)) return std::nullopt;
  if (!parser.HandleNextDocument(first_value)) return std::nullopt;
  return first_value.mark();
}

}  // namespace

void YamlSource::Record(const std::string& path, int line, int column) {
  positions_.try_emplace(path, Position{line, column});
}

std::string YamlSource::LocateField(std::string_view path) const {
  auto found = positions_.find(path);
  while (found == positions_.end() && !path.empty()) {
    path = Parent(path);
    found = positions_.find(path);
  }
  const Position position = found == positions_.end() ? Position() : found->second;
  return absl::StrCat(file_name_, ":", position.line + 1, ":", position.column + 1);
}

absl::Status YamlSource::Explain(const absl::Status& status, std::string_view prefix) const {
  std::vector<base::FieldViolation> violations = base::FieldViolations(status);
  if (violations.empty()) return status;
  std::string message;
  for (base::FieldViolation& violation : violations) {
    violation.field = std::string(WithoutPrefix(violation.field, prefix));
    absl::StrAppend(&message, message.empty() ? "" : "\n", LocateField(violation.field), ": ",
                    violation.field, violation.field.empty() ? "" : ": ", violation.description);
  }
  absl::Status explained(status.code(), message);
  base::SetFieldViolations(violations, &explained);
  return base::WithReason(explained, base::ErrorReason(status));
}

absl::StatusOr<YamlSource> ParseYaml(std::string_view text, std::string_view file_name,
                                     google::protobuf::Message* message) {
  RETURN_IF_ERROR(CheckText(text, file_name));
  try {
    const std::string document(text);
    const YAML::Node root = YAML::Load(document);
    if (const std::optional<YAML::Mark> second = FindSecondDocument(document)) {
      return ErrorAt(file_name, second->line + 1, second->column + 1,
                     "expected a single document, found a second one");
    }
    return internal::ReadDocument(root, file_name, message);
  } catch (const YAML::Exception& error) {
    return ErrorAt(file_name, error.mark.line + 1, error.mark.column + 1,
                   absl::StrCat("not valid YAML: ", error.msg));
  }
}

absl::StatusOr<YamlSource> LoadYamlFile(const std::string& path,
                                        google::protobuf::Message* message) {
  // One byte more than is allowed, so that ParseYaml refuses a larger file with its place.
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path, kMaxYamlBytes + 1));
  return ParseYaml(text, path, message);
}

}  // namespace graft::config
