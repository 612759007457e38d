#include "services/cli/output.h"

#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/check.h"
#include "common/base/strings.h"

namespace graft::cli {
namespace {

constexpr size_t kNetworkDigits = 12;

void AppendRow(const std::vector<Table::Column>& columns, const std::vector<size_t>& widths,
               const std::vector<std::string>& cells, std::string& text) {
  std::string line;
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::string padding(widths[i] - cells[i].size(), ' ');
    if (i > 0) line += "  ";
    line += columns[i].align == Table::Align::kRight ? padding + cells[i] : cells[i] + padding;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  text += line + "\n";
}

}  // namespace

void Table::AddRow(std::vector<std::string> cells) {
  GRAFT_CHECK(cells.size() == columns_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::ToString() const {
  std::vector<std::string> titles;
  std::vector<size_t> widths;
  for (const Column& column : columns_) {
    titles.push_back(column.title);
    widths.push_back(column.title.size());
  }
  for (const std::vector<std::string>& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  AppendRow(columns_, widths, titles, text);
  for (const std::vector<std::string>& row : rows_) AppendRow(columns_, widths, row, text);
  return text;
}

std::string ToJson(const google::protobuf::Message& message, bool pretty) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = pretty;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  GRAFT_CHECK(status.ok());
  return json;
}

std::string FormatPercent(double fraction) { return absl::StrFormat("%.2f %%", 100 * fraction); }

std::string FormatPercent(std::optional<double> fraction) {
  return fraction ? FormatPercent(*fraction) : "-";
}

std::string FormatCount(double count) {
  if (count < 1e4) return absl::StrFormat("%.0f", count);
  if (count < 1e6) return absl::StrFormat("%.1f k", count / 1e3);
  if (count < 1e9) return absl::StrFormat("%.2f M", count / 1e6);
  return absl::StrFormat("%.2f G", count / 1e9);
}

std::string FormatDuration(absl::Duration duration) {
  const int64_t seconds = absl::ToInt64Seconds(duration + absl::Milliseconds(500));
  if (seconds < 60) return absl::StrCat(seconds, " s");
  if (seconds < 3600) return absl::StrCat(seconds / 60, " min ", seconds % 60, " s");
  return absl::StrCat(seconds / 3600, " h ", seconds / 60 % 60, " min");
}

std::string ShortName(std::string_view resource_name) {
  const size_t slash = resource_name.find('/');
  if (slash == std::string_view::npos) return std::string(resource_name);
  const std::string_view id = resource_name.substr(slash + 1);
  if (resource_name.substr(0, slash) == "networks")
    return std::string(id.substr(0, kNetworkDigits));
  return std::string(id);
}

std::string EnumLabel(std::string_view enum_value_name, std::string_view prefix) {
  if (enum_value_name.substr(0, prefix.size()) == prefix)
    enum_value_name.remove_prefix(prefix.size());
  return absl::AsciiStrToLower(base::ToAbsl(enum_value_name));
}

}  // namespace graft::cli
